"""Text in the one form in which it is counted, compared and kept."""

import re
import unicodedata
from typing import Any

_MARKS = re.compile(r"[^\w\x00-\x7f]{31,}")
_UNSEEN = {"Cc", "Cf", "Mn", "Me", "Zl", "Zp", "Zs"}
_JOINER = "\u034f"  # COMBINING GRAPHEME JOINER, which nobody sees and which ends a run of marks.


def stream_safe(text: str) -> str:
    """The same text with a joiner behind every thirtieth mark of a run (Unicode Standard Annex 15, section 13).

    Marks are put into order when a text is normalised, which takes time by the square of their number: half a megabyte of them
    on one letter would stop a process for minutes. No language has more than a few.
    """
    return _MARKS.sub(_with_joiners, text)


def _with_joiners(found: re.Match[str]) -> str:
    parts: list[str] = []
    run = 0
    for mark in found[0]:
        run = run + 1 if unicodedata.combining(mark) else 0
        if run > 30:
            parts.append(_JOINER)
            run = 1
        parts.append(mark)
    return "".join(parts)


def composed(value: Any) -> Any:
    """A text in Unicode's composed form (NFC), in which a letter of Vietnamese is one character; other values unchanged.

    Some keyboards and file systems write a letter and its accents apart: limits would count them, and no name would be found.
    Of a text in which nothing can be seen nothing is left.
    """
    if not isinstance(value, str) or value.isascii():
        return value
    text = unicodedata.normalize("NFC", stream_safe(value))
    return text if any(unicodedata.category(letter) not in _UNSEEN for letter in text) else ""
