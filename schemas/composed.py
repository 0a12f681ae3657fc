"""Text in the one form in which it is counted, compared and kept, and text of which nothing can be seen."""

import re
import unicodedata
from functools import lru_cache
from itertools import takewhile
from typing import Final

# Characters that fall apart into marks: at most two each, and never a character of ASCII or a letter. The two exceptions are the
# voiced marks of half-width katakana. A letter before them ends in three marks at most, so that shorter runs are within the bound.
_MARK: Final = r"(?:[^\w\x00-\x7f]|[\uff9e\uff9f])"
_FEWEST: Final = 14
_MARKS: Final = re.compile(rf"\w?{_MARK}{{{_FEWEST},}}")
_ANY_MARK: Final = re.compile(_MARK)
_MOST_MARKS: Final = 30
_MOST_COMPOSED: Final = 4  # Characters that one may be composed of, as of the Greek letter U+1F82.
_JOINER: Final = "\u034f"  # COMBINING GRAPHEME JOINER, which nobody sees and which ends a run of marks.

HIDDEN: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff"
    "\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    "\u2800\U00013441\U00013442\U0001d159]"
)
"""What nobody sees: Unicode's Default_Ignorable_Code_Point (soft hyphens, zero-width and direction marks, fillers, variation
selectors, tags), then what it counts as signs and what has no ink: an empty Braille cell, two blanks, a note without a head."""
_UNSEEN: Final = {"Cc", "Cf", "Mn", "Me", "Zl", "Zp", "Zs"}


def stream_safe(text: str) -> str:
    """The same text with a joiner before each mark that would be the thirty-first of a run.

    Marks are put into order when a text is normalised, which takes time by the square of their number: half a megabyte of them
    on one letter would stop a process for minutes. No language has more than a few. They are counted as the text has them once
    it is taken apart: U+0F73 is no mark that is put into order, and falls into two that are.
    Source: Unicode Standard Annex 15, section 13.
    """
    # A run has one of its marks at one of these places. Most texts have none there, and are not looked through sign by sign.
    if _ANY_MARK.search(text[_FEWEST - 1 :: _FEWEST]) is None:
        return text
    return _MARKS.sub(_with_joiners, text)


def _with_joiners(found: re.Match[str]) -> str:
    parts: list[str] = []
    run = 0
    for character in found[0]:
        marks, is_mark = _marks_at_end(character)
        run = run + marks if is_mark else marks
        if run > _MOST_MARKS:
            parts.append(_JOINER)
            run = marks
        parts.append(character)
    return "".join(parts)


def _marks_at_end(character: str) -> tuple[int, bool]:
    """How many marks a character ends in once it is taken apart, and whether it has nothing else."""
    if unicodedata.decomposition(character):
        return _marks_of_parts(character)
    is_mark = unicodedata.combining(character) > 0
    return int(is_mark), is_mark


# Unicode has 1,221 signs that fall apart, so that none is counted twice. Of others it has a million.
@lru_cache(maxsize=2048)
def _marks_of_parts(character: str) -> tuple[int, bool]:
    apart = unicodedata.normalize("NFKD", character)
    marks = sum(1 for _ in takewhile(unicodedata.combining, reversed(apart)))
    return marks, marks == len(apart)


def nfc(text: str) -> str:
    """The text in Unicode's composed form (NFC), in which a letter of Vietnamese is one character; it takes time by its length.

    Some keyboards and file systems write a letter and its accents apart: limits would count them, and no name would be found.
    """
    return text if text.isascii() else unicodedata.normalize("NFC", stream_safe(text))


def is_certainly_longer(text: str, limit: int) -> bool:
    """Whether a text has more than `limit` characters also in NFC, without spaces around it, by a count alone."""
    return len(text.strip()) > _MOST_COMPOSED * limit


def is_invisible(text: str) -> bool:
    """Whether nothing of a text can be seen."""
    return all(unicodedata.category(letter) in _UNSEEN or HIDDEN.match(letter) for letter in text)
