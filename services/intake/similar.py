"""What looks like a feedback that is not sent yet: published replies, and open cases nearby.

What it costs does not grow with the number of cases. Each question names all fields of an index but the last, by which it is
sorted, and reads at most `_NEWEST` documents from there: one question for the commune, four for the squares around a place, and
three for words of published replies. In a commune with more open cases of one category only the newest of them are compared.

Uses only what PyMongo's async driver and Motor share.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, NamedTuple

from pakn.engine.mongo import Database
from pakn.packs.open311 import PublicField
from schemas.values import Place
from services.intake import nearby
from services.intake.nearby import FoundBy, OpenCase
from services.intake.publications import Publications
from services.intake.published import Headline
from services.intake.spelling import words_of

MOST: Final = 5
"""Of both kinds together."""
_MOST_OPEN: Final = 3
_NEWEST: Final = 100
_KEYS: Final[tuple[FoundBy, ...]] = ("area", "square")
_FIELDS: Final = dict.fromkeys(("code", "category", "state", "submitted_at", "title"), 1)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is known so far of the feedback that somebody writes."""

    title: str
    category: str
    province: str | None = None
    commune: str | None = None
    place: Place | None = None


class Found(NamedTuple):
    """What looks alike, the most alike first."""

    open: list[OpenCase]
    published: list[Headline]


class Similar:
    """Looks in one database. `accepted` are the categories inside the procedure; of others nothing is ever shown."""

    def __init__(
        self, database: Database, publications: Publications, accepted: Collection[str], public: Collection[PublicField] = ()
    ) -> None:
        """`public` is what of the senders' words anybody may read."""
        self._feedbacks = database["feedbacks"]
        self._publications = publications
        self._accepted = frozenset(accepted)
        self._shows_titles = "title" in public

    async def prepare(self) -> None:
        """Create the indexes that are missing."""
        for key in _KEYS:
            await self._feedbacks.create_index([("listed_as", 1), ("category", 1), (key, 1), ("submitted_at", -1)])

    async def find(self, asked: Asked) -> Found:
        """At most five that look alike. Raises PyMongoError."""
        if asked.category not in self._accepted or not words_of(asked.title):
            return Found([], [])
        open_cases, replies = await asyncio.gather(self._open(asked), self._publications.alike(asked.title, MOST))
        return Found(open_cases, replies[: MOST - len(open_cases)])

    async def _open(self, asked: Asked) -> list[OpenCase]:
        if len(nearby.compared_words(asked.title)) < nearby.LEAST_WORDS:
            return []
        keys: list[tuple[FoundBy, str]] = [("square", square) for square in nearby.squares(asked.place)]
        if area := nearby.area(asked.province, asked.commune):
            keys.append(("area", area))
        found = await asyncio.gather(*(self._newest(asked.category, key, value) for key, value in keys))
        alike = nearby.alike(asked.title, [case for rows in found for case in rows], _MOST_OPEN)
        return alike if self._shows_titles else [case.model_copy(update={"title": None}) for case in alike]

    async def _newest(self, category: str, key: FoundBy, value: str) -> list[OpenCase]:
        query = {"listed_as": "open", "category": category, key: value}
        rows = await self._feedbacks.find(query, _FIELDS).sort("submitted_at", -1).limit(_NEWEST).to_list(None)
        return [OpenCase.model_validate({**row, "found_by": key}) for row in rows]
