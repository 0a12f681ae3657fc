"""What is asked of a file that somebody sends, whichever door it comes in by."""
