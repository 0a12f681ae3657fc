"""Names of files: tidied where that changes no meaning, refused where they deceive whoever reads them."""

import unicodedata
from typing import Final
from urllib.parse import quote

from schemas.composed import is_invisible, nfc

MAX_NAME: Final = 200
# Marks that turn the direction of text: with them `gpj.exe` is shown as `exe.jpg`.
_TURNING: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Controls, halves of characters, and separators of lines and paragraphs.
_UNSEEN: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})

# The letters of Vietnamese that are no letter with a mark.
_WITHOUT_MARKS: Final = str.maketrans("đĐ", "dD")


def tidy(name: str) -> str:
    """The name in NFC, without spaces around it, of at most MAX_NAME characters; its extension stays.

    What it holds besides is not changed: `fault` tells whether the name can be taken.
    """
    whole = nfc(name).strip()
    if len(whole) <= MAX_NAME:
        return whole
    stem, dot, extension = whole.rpartition(".")
    ending = f"{dot}{extension}"
    return f"{stem[: MAX_NAME - len(ending)].rstrip()}{ending}" if stem and len(ending) <= 20 else whole[:MAX_NAME].strip()


def fault(name: str) -> str | None:
    """Why a tidied name is not taken; none when it is."""
    if is_invisible(name):
        return "the file has no name"
    if any(character in _TURNING for character in name):
        return "the file's name holds marks that turn the direction of text; rename it"
    if any(character in "/\\" or unicodedata.category(character) in _UNSEEN for character in name):
        return "the file's name holds control characters, slashes or line breaks; rename it"
    return None


def disposition(name: str) -> str:
    """The header Content-Disposition of a download with this name, which `fault` has found in order.

    The name stands in it twice: whole, and in plain letters for programs that do not know the first form.
    Source: RFC 6266, RFC 8187.
    """
    letters = unicodedata.normalize("NFKD", name.translate(_WITHOUT_MARKS)).encode("ascii", "ignore").decode()
    plain = "".join(character if character.isalnum() or character in " ._-()" else "_" for character in letters).strip()
    stem, dot, extension = plain.rpartition(".")
    # Of a name in another script only the extension may be left.
    fallback = plain if stem.strip(" ._-()") else f"file{dot}{extension}"
    return f"attachment; filename=\"{fallback}\"; filename*=UTF-8''{quote(name, safe='')}"
