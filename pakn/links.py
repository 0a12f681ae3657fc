"""The addresses at which citizens reach their feedback, in answers and in letters."""

from urllib.parse import quote


def feedback_path(code: str) -> str:
    """The path of a feedback at intake."""
    return f"/v1/feedback/{quote(code, safe='')}"


def feedback(public_url: str, code: str, lookup_secret: str | None = None) -> str:
    """The link to a feedback below `public_url`; with the secret its holder sees more than the public state."""
    link = public_url.rstrip("/") + feedback_path(code)
    return link if lookup_secret is None else f"{link}?secret={quote(lookup_secret, safe='')}"


def confirmation(public_url: str, code: str, token: str) -> str:
    """The link by which the reader of a letter confirms that the address is his."""
    return f"{public_url.rstrip('/')}{feedback_path(code)}/confirmation?token={quote(token, safe='')}"
