"""The published replies as documents: made anew of the feedbacks whenever one changes, and asked by the pages.

A read model: no decision asks it, and it can be made again of the feedbacks at any time.
"""

import asyncio
import hashlib
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from pymongo import DeleteOne, ReplaceOne

from pakn.engine.mongo import Database, Document
from services.intake import names, published
from services.intake.feedback import Feedback
from services.intake.published import Headline, Published, Shows
from services.intake.store import IntakeStore

_BUILT: Final = "published/shown"
_VERSION: Final = 2  # Of the documents; a higher one makes them anew.
_AT_ONCE: Final = 200
_SPANS: Final = (timedelta(days=21), timedelta(days=120))
_HEADLINE: Final = dict.fromkeys(Headline.model_fields, 1)
_LATEST_FIRST: Final = [("published_at", -1), ("code", -1)]
# By so many words what looks alike is looked for, among so many of the latest replies with each.
_ASKED_ALIKE: Final = 3
_NEWEST: Final = 100


class Wanted(NamedTuple):
    """Which replies are looked for: all of these words, in this category, of this agency, published in this span.

    `sender` is the name of a sender who agrees that it is shown.
    """

    words: Sequence[str] = ()
    category: str = ""
    agency: str = ""
    since: datetime | None = None
    until: datetime | None = None
    sender: str = ""


class Publications:
    """The collection `published` of one database; every method may raise PyMongoError. `shows` is what is shown of a sender's."""

    def __init__(self, database: Database, store: IntakeStore, shows: Shows) -> None:
        self._published = database["published"]
        self._feedbacks = database["feedbacks"]
        self._counters = database["counters"]
        self._store = store
        self._shows = shows
        # Each document has this mark of the release and the pack that it was made by.
        self._mark = hashlib.sha256(repr((_VERSION, shows)).encode()).hexdigest()
        self._has_built = False

    async def prepare(self) -> None:
        """Create the indexes that are missing. Each ends in the whole order of the list: with a part of it the database would
        read and sort all that fits, to show the latest twenty."""
        await self._published.create_index("code", unique=True)
        await self._published.create_index("shown")
        for equal in ((), ("words",), ("name_keys",), ("agency",), ("category",), ("agency", "category")):
            await self._published.create_index([*((name, 1) for name in equal), *_LATEST_FIRST])

    async def refresh(self, feedback_ids: Collection[str]) -> None:
        """Make the documents of these feedbacks anew. May be repeated.

        What a sender takes back, or an operator erases, while a document is made would stand in it for ever: so a feedback that
        has changed meanwhile is taken once more.
        """
        for group in await self._store.groups(feedback_ids) if feedback_ids else ():
            stale = {*group}
            while stale:
                made = await self._store.load(stale)
                if not made:
                    break
                await self._published.bulk_write([self._write(feedback) for feedback in made.values()], ordered=False)
                query = {"_id": {"$in": [*made]}}
                now = {row["_id"]: row["version"] for row in await self._feedbacks.find(query, {"version": 1}).to_list(None)}
                stale = {id for id, feedback in made.items() if now.get(id) != feedback.version}

    def _write(self, feedback: Feedback) -> ReplaceOne[Document] | DeleteOne:
        row = published.published(feedback, self._shows)
        if row is None:
            return DeleteOne({"_id": feedback.id})
        lists = {"words": list(row.words), "name_keys": list(row.name_keys)}
        return ReplaceOne({"_id": feedback.id}, {**row.model_dump(exclude={"id"}), **lists, "shown": self._mark}, upsert=True)

    async def build(self) -> int:
        """Make the documents of all that was published, and return how many; nothing to do until the pack shows less or more.

        While a release or a pack replaces another, processes of both run, and would turn back each other's documents. So a
        process that was the newest once does nothing after another has followed it; that one makes anew what it still writes.
        """
        built = await self._counters.find_one({"_id": _BUILT})
        if built and built["shown"] == self._mark:
            self._has_built = True
            rows = await self._published.find({"shown": {"$in": built["before"]}}, {"_id": 1}).limit(_AT_ONCE).to_list(None)
            await self.refresh([row["_id"] for row in rows])
            return len(rows)
        if self._has_built:
            return 0
        last, count = "", 0
        while True:
            query = {"_id": {"$gt": last}, "published_at": {"$exists": True}}
            rows = await self._feedbacks.find(query, {"_id": 1}).sort("_id", 1).limit(_AT_ONCE).to_list(None)
            if not rows:
                break
            ids = [row["_id"] for row in rows]
            await self.refresh(ids)
            last, count = ids[-1], count + len(ids)
        before = [built["shown"] if built else None]
        done = {"count": count, "shown": self._mark, "before": before}
        await self._counters.update_one({"_id": _BUILT}, {"$set": done}, upsert=True)
        self._has_built = True
        return count

    async def find(self, wanted: Wanted, skip: int, limit: int, now: datetime) -> list[Published]:
        """The latest replies that are wanted at `now`, without the first `skip` of them.

        The database that stands in for MongoDB reads and sorts all that fits, and not the first ones of the index. So the last
        weeks are asked first, and all only where they do not suffice.
        """
        if wanted.since is None and wanted.until is None:
            for span in _SPANS:
                if len(rows := await self._find(wanted._replace(since=now - span), skip, limit)) == limit:
                    return rows
        return await self._find(wanted, skip, limit)

    async def _find(self, wanted: Wanted, skip: int, limit: int) -> list[Published]:
        # Each word in a condition of its own: of several in one, the stand-in makes no use of an index.
        conditions: list[Document] = [{"words": word} for word in wanted.words]
        if wanted.sender:
            asked = names.wanted(self._shows.names, wanted.sender) if self._shows.names else []
            if not asked:
                return []
            conditions += [{"name_keys": condition} for condition in asked]
        query: Document = {**conditions[0]} if conditions else {}
        if len(conditions) > 1:
            query["$and"] = conditions[1:]
        query |= {name: value for name, value in (("category", wanted.category), ("agency", wanted.agency)) if value}
        span = {"$gte": wanted.since, "$lt": wanted.until}
        if given := {name: value for name, value in span.items() if value is not None}:
            query["published_at"] = given
        rows = await self._published.find(query).sort(_LATEST_FIRST).skip(skip).limit(limit).to_list(None)
        return _read(rows)

    async def by_code(self, code: str) -> Published | None:
        """The published reply of the feedback with this code."""
        row = await self._published.find_one({"code": code})
        return _read([row])[0] if row else None

    async def alike(self, title: str, most: int) -> list[Headline]:
        """The published replies whose titles look like this one."""
        words = published.asked_words(title)
        if not words:
            return []
        found = await asyncio.gather(*(self._newest_with(word) for word in words[:_ASKED_ALIKE]))
        headlines = {row["code"]: Headline.model_validate(row) for rows in found for row in rows}
        return published.alike(title, headlines.values(), most)

    async def _newest_with(self, word: str) -> list[Document]:
        found = self._published.find({"words": word}, _HEADLINE).sort(_LATEST_FIRST).limit(_NEWEST)
        rows: list[Document] = await found.to_list(None)
        return rows


def _read(rows: Iterable[Document]) -> list[Published]:
    return [Published.model_validate({**row, "id": row["_id"]}) for row in rows]
