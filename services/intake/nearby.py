"""Which open case is the same as one that somebody is about to send: where both lie, and how much of their titles they share. Pure.

A title that the pack does not publish is compared and not shown. Whoever is shown an open case has written most of its title
himself, and names and numbers in titles count for nothing: nobody learns about whom others wrote by trying one name after another.
Only in a title that is all in capital letters a name cannot be told from other words, and is compared like them.
"""

import math
from collections.abc import Iterable
from datetime import datetime
from typing import Final, Literal

from pydantic import BaseModel

from schemas.states import CaseState
from schemas.values import Place
from services.intake.spelling import words_of

LEAST_WORDS: Final = 3
"""How many words two titles share at least."""
_LEAST_SHARE: Final = 2 / 3
# The side of a square in thousandths of a degree, about 200 m from south to north. Coordinates are cut to half of it, as in lists.
_SIDE: Final = 2


FoundBy = Literal["area", "square"]


class OpenCase(BaseModel, frozen=True, extra="ignore"):
    """An open case as anybody sees it by its code; `title` only where the pack makes it public."""

    code: str
    category: str
    state: CaseState
    submitted_at: datetime
    found_by: FoundBy
    title: str | None = None


def area(province: str | None, commune: str | None) -> str | None:
    """The commune as a key: the same one however its name is written. None where none is given."""
    name = " ".join(words_of(commune or ""))
    return f"{province or ''}/{name}" if name else None


def square(place: Place | None) -> str | None:
    """The square of about 200 m in which a place lies; none without coordinates."""
    found = _cut(place)
    return found and _named(found[0] // _SIDE, found[1] // _SIDE)


def squares(place: Place | None) -> list[str]:
    """The four squares in which everything lies that is within about 100 m of a place; none without coordinates."""
    found = _cut(place)
    if found is None:
        return []
    # From the western half of a square the western neighbour is nearer.
    ways = [(whole // _SIDE, whole // _SIDE + (1 if whole % _SIDE else -1)) for whole in found]
    return [_named(row, column) for row in ways[0] for column in ways[1]]


def _cut(place: Place | None) -> tuple[int, int] | None:
    """Thousandths of a degree, rounded down."""
    if place is None or place.latitude is None or place.longitude is None:
        return None
    return math.floor(place.latitude * 1000), math.floor(place.longitude * 1000)


def _named(row: int, column: int) -> str:
    return f"{row}/{column}"


def compared_words(title: str) -> set[str]:
    """The words of a title by which cases are compared: no names, which are written with capital letters, no first word, whose
    capital letter does not tell whether it is a name, and no numbers. A title all in capital letters is read in small ones."""
    read = title if any(map(str.islower, title)) else title.lower()
    plain = [word for word in read.split()[1:] if not _is_name(word)]
    return {word for word in words_of(" ".join(plain)) if not any(map(str.isdigit, word))}


def _is_name(part: str) -> bool:
    return any(map(str.isupper, part))


def alike(title: str, found: Iterable[OpenCase], most: int) -> list[OpenCase]:
    """Those of the found that share with this title at least three words, and two thirds of the words of both; the most alike
    come first, each once."""
    asked = compared_words(title)
    shares: dict[str, tuple[float, OpenCase]] = {}
    for case in found:
        words = compared_words(case.title or "")
        shared = len(asked & words)
        share = 2 * shared / (len(asked) + len(words)) if shared else 0.0
        if shared >= LEAST_WORDS and share >= _LEAST_SHARE:
            shares[case.code] = (share, case)
    return [case for _, case in sorted(shares.values(), key=lambda pair: -pair[0])][:most]
