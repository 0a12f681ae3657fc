"""What intake remembers of the portals that it asks by Open311: how far it has asked each, and which requests it has taken.

Uses only what PyMongo's async driver and Motor share; every method may raise PyMongoError.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple

from pymongo.errors import BulkWriteError, DuplicateKeyError

from pakn.engine.mongo import Database, duplicates
from services.intake.remotes.reading import LONGEST


class Cursor(NamedTuple):
    """How far a portal's requests are known (legal time), and the span of the next question."""

    known_until: datetime
    span: timedelta


class RemoteStore:
    """One database; `now` is the machine's time."""

    def __init__(self, database: Database) -> None:
        self._cursors = database["open311_cursors"]
        self._taken = database["open311_taken"]

    async def take_turn(self, portal: str, at: datetime, now: datetime, seconds: float) -> Cursor | None:
        """The cursor of a portal, which nobody else has for so many seconds; none while somebody has it.

        A portal that was never asked begins at `at`.
        """
        first = {"known_until": at, "span": LONGEST.total_seconds(), "good_at": now}
        held = {"$set": {"held_until": now + timedelta(seconds=seconds)}, "$setOnInsert": first}
        free = {"_id": portal, "held_until": {"$lte": now}}
        try:
            row = await self._cursors.find_one_and_update(free, held, upsert=True, return_document=True)
        except DuplicateKeyError:
            return None
        return Cursor(row["known_until"], timedelta(seconds=row["span"])) if row else None

    async def move(self, portal: str, cursor: Cursor, now: datetime) -> None:
        """Note how far a portal has been asked, with success."""
        moved = {"known_until": cursor.known_until, "span": cursor.span.total_seconds(), "good_at": now}
        await self._cursors.update_one({"_id": portal}, {"$set": moved})

    async def release(self, portal: str, at: datetime) -> None:
        """Let others have their turn from `at` on."""
        await self._cursors.update_one({"_id": portal}, {"$set": {"held_until": at}})

    async def good_at(self, portal: str) -> datetime | None:
        """When a portal last answered, whoever asked; before its first answer, when it was first asked."""
        row = await self._cursors.find_one({"_id": portal}, {"good_at": 1})
        return row["good_at"] if row else None

    async def new_among(self, portal: str, ids: Collection[str]) -> set[str]:
        """Those of a portal's requests that were not taken yet."""
        keys = {_key(portal, id): id for id in ids}
        found = await self._taken.find({"_id": {"$in": list(keys)}}, {"_id": 1}).to_list(None)
        return set(keys.values()) - {keys[row["_id"]] for row in found}

    async def note_taken(self, portal: str, ids: Collection[str]) -> None:
        """Remember that requests were taken. May be repeated."""
        try:
            await self._taken.insert_many([{"_id": _key(portal, id)} for id in ids], ordered=False)
        except BulkWriteError as error:
            duplicates(error)


def _key(portal: str, id: str) -> str:
    return f"{portal}/{id}"
