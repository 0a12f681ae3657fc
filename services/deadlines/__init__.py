"""The law's clocks: open, close, restart them by the rule sets in force, and fire warnings and overdue events."""
