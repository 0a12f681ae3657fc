"""The codes and addresses by which citizens reach their feedback, in answers and in letters."""

import re
import unicodedata
from urllib.parse import quote

_APART = re.compile(r"[^0-9A-Z]+")
_LONGEST = 100  # characters of a code as somebody may type it


def feedback_path(code: str) -> str:
    """The path of a feedback at intake."""
    return f"/v1/feedback/{quote(code, safe='')}"


def feedback(public_url: str, code: str) -> str:
    """The address of a feedback below `public_url`, for programs."""
    return public_url.rstrip("/") + feedback_path(code)


def page(public_url: str, code: str, lookup_secret: str | None = None) -> str:
    """The link to the page of a feedback; with the secret it opens the feedback in a browser, and leads on without it."""
    link = f"{public_url.rstrip('/')}/follow/{quote(code, safe='')}"
    return link if lookup_secret is None else f"{link}/open?secret={quote(lookup_secret, safe='')}"


def confirmation(public_url: str, code: str, token: str) -> str:
    """The link by which the reader of a letter confirms that the address is his."""
    return f"{page(public_url, code)}/confirm?token={quote(token, safe='')}"


def read_code(text: str, prefix: str = "") -> str:
    """The code that somebody means: in small letters, with spaces, other separators or none, digits of other scripts.

    `prefix` is the pack's, which may be left out then: `20261126-42` is `PAKN.20261126.0042`. A text that cannot be a code comes
    back as it is; no feedback has it.
    """
    if len(text) > _LONGEST:
        return text
    plain = unicodedata.normalize("NFKC", text).upper()
    plain = "".join(str(unicodedata.decimal(letter)) if letter.isdecimal() else letter for letter in plain)
    parts = [part for part in _APART.split(plain) if part]
    whole = "".join(parts)
    if prefix and (found := re.fullmatch(rf"(?:{re.escape(prefix)})?([0-9]{{8}})([0-9]{{4,18}})", whole)):
        return _code(prefix, *found.groups())
    if len(parts) == 2 and prefix:
        parts = [prefix, *parts]
    if len(parts) == 3 and re.fullmatch(r"[0-9]{8}", parts[1]) and re.fullmatch(r"[0-9]{1,18}", parts[2]):
        return _code(*parts)
    return text


def _code(prefix: str, day: str, number: str) -> str:
    return f"{prefix}.{day}.{int(number):04d}"
