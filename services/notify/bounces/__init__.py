"""Reads the bounces in the mailbox of the From address: which letters came back for good, so that no further one goes there.

A bounce counts only if it names the Message-ID of a letter of ours and the address that this letter went to. Whoever
writes to the mailbox cannot stop the letters of somebody else: a Message-ID has a random part, which only the recipient reads.
"""
