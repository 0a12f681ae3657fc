"""Spellings of an address that one mailbox takes."""

from typing import Final

# Elsewhere points tell persons apart.
_GMAIL: Final = frozenset({"gmail.com", "googlemail.com"})


def mailbox_of(address: str) -> str:
    """By what an address counts for the bound of a day: in lower case, without the `+tag` that most mail services pass over."""
    account, _, domain = address.lower().rpartition("@")
    account = account.partition("+")[0] or account
    return f"{account.replace('.', '')}@gmail.com" if domain in _GMAIL else f"{account}@{domain}"
