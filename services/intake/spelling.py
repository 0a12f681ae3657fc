"""The words of a text without what people leave out when they look for it: capitals and diacritics. Pure."""

import re
import unicodedata
from typing import Final

_WORD: Final = re.compile(r"[^\W_]+")
_LETTERS: Final = str.maketrans({"đ": "d", "ø": "o", "ł": "l", "ß": "ss"})


def words_of(text: str) -> list[str]:
    """The words of a text, in small letters and without diacritics, so that `duong den` finds `đường đèn`."""
    apart = unicodedata.normalize("NFD", text.lower())
    return _WORD.findall("".join(letter for letter in apart if not unicodedata.combining(letter)).translate(_LETTERS))
