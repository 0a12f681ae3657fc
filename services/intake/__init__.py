"""Citizens' side: submit, supplement, look up, rate; the web, the API and the portals' topics."""
