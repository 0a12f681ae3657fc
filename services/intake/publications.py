"""The published replies as documents: made anew of the feedbacks whenever one changes, and asked by the pages.

A read model: no decision asks it, and it can be made again of the feedbacks at any time.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from pymongo import DeleteOne, ReplaceOne

from pakn.engine.mongo import Database, Document
from services.intake import published
from services.intake.published import Published
from services.intake.store import IntakeStore

_BUILT: Final = "published/1"
_AT_ONCE: Final = 200


class Wanted(NamedTuple):
    """Which replies are looked for: all of these words, in this category, of this agency, published in this span."""

    words: Sequence[str] = ()
    category: str = ""
    agency: str = ""
    since: datetime | None = None
    until: datetime | None = None


class Publications:
    """The collection `published` of one database; every method may raise PyMongoError. `titles`: whether the pack shows them."""

    def __init__(self, database: Database, store: IntakeStore, *, titles: bool) -> None:
        self._published = database["published"]
        self._feedbacks = database["feedbacks"]
        self._counters = database["counters"]
        self._store = store
        self._titles = titles

    async def prepare(self) -> None:
        """Create the indexes that are missing."""
        await self._published.create_index("code", unique=True)
        for first in ("words", "agency", "category"):
            await self._published.create_index([(first, 1), ("published_at", -1)])
        await self._published.create_index([("published_at", -1)])

    async def refresh(self, feedback_ids: Collection[str]) -> None:
        """Make the documents of these feedbacks anew. May be repeated."""
        if not feedback_ids:
            return
        for group in await self._store.groups(feedback_ids):
            writes: list[Any] = []
            for id, feedback in (await self._store.load(group)).items():
                row = published.published(feedback, titles=self._titles)
                document = {**row.model_dump(exclude={"id"}), "words": list(row.words)} if row else None
                writes.append(ReplaceOne({"_id": id}, document, upsert=True) if document else DeleteOne({"_id": id}))
            if writes:
                await self._published.bulk_write(writes, ordered=False)

    async def build(self) -> int:
        """Make the documents of what was published before there were any; returns how many. Does nothing the second time."""
        if await self._counters.find_one({"_id": _BUILT}):
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
        await self._counters.update_one({"_id": _BUILT}, {"$set": {"count": count}}, upsert=True)
        return count

    async def find(self, wanted: Wanted, skip: int, limit: int) -> list[Published]:
        """The latest replies that are wanted, without the first `skip` of them."""
        query: Document = {}
        if wanted.words:
            query["words"] = {"$all": [*wanted.words]}
        query |= {name: value for name, value in (("category", wanted.category), ("agency", wanted.agency)) if value}
        span = {"$gte": wanted.since, "$lt": wanted.until}
        if given := {name: value for name, value in span.items() if value is not None}:
            query["published_at"] = given
        rows = await self._published.find(query).sort([("published_at", -1), ("code", -1)]).skip(skip).limit(limit).to_list(None)
        return _read(rows)

    async def by_code(self, code: str) -> Published | None:
        """The published reply of the feedback with this code."""
        row = await self._published.find_one({"code": code})
        return _read([row])[0] if row else None

    async def alike(self, title: str, most: int) -> list[Published]:
        """The published replies whose titles look like this one."""
        words = published.asked_words(title)
        if not words:
            return []
        rows = await self._published.find({"words": {"$in": words[:3]}}).sort([("published_at", -1)]).limit(300).to_list(None)
        return published.alike(title, _read(rows), most)


def _read(rows: Iterable[Document]) -> list[Published]:
    return [Published.model_validate({**row, "id": row["_id"]}) for row in rows]
