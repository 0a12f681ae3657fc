"""The outside world of the demo in one process: portals, agencies, a mail catcher, and an auditor who counts. No service."""
