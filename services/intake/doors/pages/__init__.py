"""The door for people: pages that send, follow, answer and judge, and those that show what was answered."""
