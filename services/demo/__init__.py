"""The outside world of the demo in one process: portals, agencies and a mail catcher. Speaks only HTTP, Kafka, SMTP."""
