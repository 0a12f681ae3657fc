"""The public list of cases: what anybody may ask for, and what is read of each case for it.

Uses only what PyMongo's async driver and Motor share.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from pydantic import BaseModel

from pakn.engine.mongo import Database, Document
from pakn.packs.open311 import PublicField
from schemas.states import CaseState
from schemas.values import Place
from services.intake.feedback import Due, ListedAs

# What senders wrote is not even fetched where the pack does not make it public.
_OF_SENDERS: Final[dict[PublicField, tuple[str, ...]]] = {
    "place": ("where.latitude", "where.longitude"),
    "address": ("where.description",),
    "title": ("title",),
    "content": ("content",),
}


class PublicCase(BaseModel, frozen=True, extra="ignore"):
    """What anybody may see of a case in a list. `where`, `title` and `content` are absent unless the pack makes them public.

    `reason` and `right_channel` are the pack's, of a class outside the procedure.
    """

    code: str
    state: CaseState
    category: str
    submitted_at: datetime
    received_at: datetime
    updated_at: datetime | None = None
    agency: str | None = None
    due: Due | None = None
    reason: str | None = None
    right_channel: str | None = None
    reply: str | None = None
    document_number: str | None = None
    published_at: datetime | None = None
    where: Place | None = None
    title: str | None = None
    content: str | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A page of the list: cases of these categories and statuses, `since` and `until` (both included) by one of their times.

    By the time of submission the newest come first; by that of the last change the oldest, so that a reader who goes on from
    where it was misses none.
    """

    since: datetime
    until: datetime
    categories: Sequence[str]
    statuses: Sequence[ListedAs] = ("open", "closed")
    by: Literal["submitted_at", "updated_at"] = "submitted_at"
    skip: int = 0
    limit: int = 100


class Listing:
    """The public list in one database. `public` is what of the senders' words may be in it."""

    def __init__(self, database: Database, public: Collection[PublicField] = ()) -> None:
        self._feedbacks = database["feedbacks"]
        own = [field for field in PublicCase.model_fields if field not in ("where", "title", "content")]
        self._fields: Document = dict.fromkeys([*own, *(path for name in public for path in _OF_SENDERS[name])], 1)

    async def prepare(self) -> None:
        """Create the indexes that are missing: each question is answered by one of them, without a look at other cases."""
        for time in ("submitted_at", "updated_at"):
            await self._feedbacks.create_index([("listed_as", 1), ("category", 1), (time, 1), ("_id", 1)])

    async def page(self, wanted: Wanted) -> list[PublicCase]:
        """The cases of a page in order. Raises PyMongoError."""
        query = {
            "listed_as": _any_of(wanted.statuses),
            "category": _any_of(wanted.categories),
            # The stand-in leaves out what is equal to a bound that another field of the index follows; times have milliseconds.
            wanted.by: {"$gte": wanted.since, "$lt": wanted.until + timedelta(milliseconds=1)},
        }
        way = 1 if wanted.by == "updated_at" else -1
        found = self._feedbacks.find(query, self._fields).sort([(wanted.by, way), ("_id", way)])
        return [_read(row) for row in await found.skip(wanted.skip).limit(wanted.limit).to_list(None)]

    async def with_codes(self, codes: Collection[str]) -> list[PublicCase]:
        """The cases of the list that have these codes, in the order of the codes. Raises PyMongoError.

        One question may try many codes, so it finds none that is in no list.
        """
        wanted = {"code": {"$in": list(codes)}, "listed_as": {"$in": ["open", "closed"]}}
        rows = await self._feedbacks.find(wanted, self._fields).to_list(None)
        found = {row["code"]: _read(row) for row in rows}
        return [found[code] for code in dict.fromkeys(codes) if code in found]

    async def one(self, code: str) -> PublicCase | None:
        """The case that has this code, in the list or not. Raises PyMongoError."""
        row = await self._feedbacks.find_one({"code": code}, self._fields)
        return _read(row) if row else None

    async def code_of(self, feedback_id: str) -> str | None:
        """The code of the feedback with this id. Raises PyMongoError."""
        row: dict[str, Any] | None = await self._feedbacks.find_one({"_id": feedback_id}, {"code": 1})
        return str(row["code"]) if row else None


def _any_of(values: Sequence[str]) -> Any:
    # The database that stands in for MongoDB uses an index for a value, and for none of several.
    return values[0] if len(values) == 1 else {"$in": list(values)}


def _read(row: Document) -> PublicCase:
    case = PublicCase.model_validate(row)
    # With an agency it is an officer's text, which its sender alone is shown; without one the pack's.
    return case.model_copy(update={"reason": None, "right_channel": None}) if case.agency else case
