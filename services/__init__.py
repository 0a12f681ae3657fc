"""The four services of PAKN and what each of them stands on. A folder here is a service; a file here is shared by all."""
