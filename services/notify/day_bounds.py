"""Bounds of a day: how many letters one address gets, and how many parts of text messages all get together.

Days are those of UTC. An address is kept as a digest, until the day is over.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime

from pymongo import UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError

from pakn.engine.mongo import Database, duplicates


def digest_of(address: str) -> str:
    """SHA-256 of an address. Notify has no secret key, so whoever reads the database can test guessed addresses."""
    return hashlib.sha256(address.encode()).hexdigest()


class DayBounds:
    """The counts of each day, in one collection."""

    def __init__(self, database: Database) -> None:
        self._days = database["address_days"]

    async def prepare(self) -> None:
        """Create the index by which the counts of past days go."""
        await self._days.create_index("expires_at", expireAfterSeconds=0)

    async def above(self, letters: Sequence[tuple[str, str, int]], day_end: datetime) -> set[str]:
        """Those of the letters (id, address, bound) whose address has had its number of the day that ends at `day_end`.

        The others are counted, each once however often it is tried. All spellings of an address must come as one text.
        """
        left = list(letters)
        # The first refusal may only mean that another instance made the same day at the same moment.
        for _ in range(2):
            if not left:
                break
            writes = []
            for letter_id, address, bound in left:
                room = [{"letters": letter_id}, {f"letters.{bound - 1}": {"$exists": False}}]
                counted = {"$addToSet": {"letters": letter_id}, "$setOnInsert": {"expires_at": day_end}}
                writes.append(UpdateOne({"_id": f"{digest_of(address)}/{day_end:%Y%m%d}", "$or": room}, counted, upsert=True))
            try:
                await self._days.bulk_write(writes, ordered=False)
                left = []
            except BulkWriteError as error:
                left = [left[index] for index in sorted(duplicates(error))]
        return {letter_id for letter_id, _, _ in left}

    async def take(self, what: str, number: int, bound: int, day_end: datetime) -> bool:
        """Take `number` of what all may have together in the day that ends at `day_end`; false where so many are not left."""
        if number > bound:
            return False
        room = {"_id": f"{what}/{day_end:%Y%m%d}", "taken": {"$lte": bound - number}}
        taken = {"$inc": {"taken": number}, "$setOnInsert": {"expires_at": day_end}}
        for _ in range(2):
            try:
                await self._days.update_one(room, taken, upsert=True)
            except DuplicateKeyError:
                # The day is there and has no room, or another instance made it at the same moment.
                continue
            return True
        return False

    async def give_back(self, what: str, number: int, day_end: datetime) -> None:
        """Give back what was taken and is not used."""
        await self._days.update_one({"_id": f"{what}/{day_end:%Y%m%d}"}, {"$inc": {"taken": -number}})
