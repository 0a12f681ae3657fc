"""What a service knows of its partitions, in a small collection of its own database: who reads each, what is in quarantine."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime

import stamina
from aiokafka import TopicPartition
from pymongo import UpdateOne
from pymongo.errors import PyMongoError

from pakn.engine.mongo import Database, Document
from pakn.engine.quarantine import Standing


@dataclass(frozen=True, slots=True)
class Noted:
    """What is stored of a partition. `holder`: the process that reads it; `skip`: the offset to pass over, and `why`."""

    standing: Standing = field(default_factory=Standing)
    holder: str | None = None
    skip: int | None = None
    why: str = ""
    since: datetime | None = None


def _key(partition: TopicPartition) -> str:
    return f"{partition.topic}/{partition.partition}"


def _partition(key: str) -> TopicPartition:
    topic, _, number = key.rpartition("/")
    return TopicPartition(topic, int(number))


def _noted(row: Document) -> Noted:
    standing = Standing(**{part.name: row[part.name] for part in fields(Standing) if part.name in row})
    return Noted(standing, row.get("holder"), row.get("skip"), row.get("why", ""), row.get("since"))


class QuarantineStore:
    """Every method raises PyMongoError where the database does not answer."""

    def __init__(self, database: Database) -> None:
        self._rows = database["quarantine"]

    async def read(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, Noted]:
        """What is stored of these partitions; those of which nothing is are left out."""
        rows = self._rows.find({"_id": {"$in": [_key(partition) for partition in partitions]}})
        return {_partition(row["_id"]): _noted(row) async for row in rows}

    async def quarantined(self) -> dict[TopicPartition, Noted]:
        """The partitions in quarantine."""
        return {_partition(row["_id"]): _noted(row) async for row in self._rows.find({"quarantined": {"$gte": 0}})}

    async def take(
        self, holder: str, before: Mapping[TopicPartition, Noted], now: Mapping[TopicPartition, Standing], at: datetime
    ) -> None:
        """Note that `holder` reads these partitions, and what stands of them `at` this instant, which operators are told."""
        writes = []
        for partition, standing in now.items():
            change: Document = {"holder": holder}
            known = before.get(partition, Noted()).standing
            # What was in quarantine before is an operator's to change, also in this moment.
            if known.quarantined is None or standing.quarantined is None:
                change |= asdict(standing) | ({"since": at} if standing.quarantined is not None else {})
            writes.append(UpdateOne({"_id": _key(partition)}, {"$set": change}, upsert=True))
        if writes:
            await self._rows.bulk_write(writes, ordered=False)

    async def save(self, holder: str, partition: TopicPartition, standing: Standing) -> None:
        """Store what stands of a partition, unless it is another's by now; a decision to skip is carried out with it."""
        change = {"$set": asdict(standing), "$unset": {"skip": "", "why": ""}}
        await self._rows.update_one({"_id": _key(partition), "holder": holder}, change)

    async def let_go(self, holder: str) -> None:
        """Take back the notes of `holder`: its end is explained."""
        await self._rows.update_many({"holder": holder}, {"$set": {"holder": None, "in_hand": None}})

    async def release(self, partition: TopicPartition, offset: int, standing: Standing) -> bool:
        """An operator has the record at `offset` tried again. False if the partition is not in quarantine there."""
        change = {"$set": asdict(standing), "$unset": {"skip": "", "why": ""}}
        done = await self._rows.update_one({"_id": _key(partition), "quarantined": offset}, change)
        return bool(done.matched_count)

    async def skip(self, partition: TopicPartition, offset: int, why: str) -> bool:
        """An operator has the record at `offset` passed over. False if the partition is not in quarantine there."""
        done = await self._rows.update_one({"_id": _key(partition), "quarantined": offset}, {"$set": {"skip": offset, "why": why}})
        return bool(done.matched_count)


async def until_stored(store: Callable[[], Awaitable[None]]) -> None:
    """Store until it is done. Without the mark a death would blame another record; nothing can be handled without the database."""
    async for attempt in stamina.retry_context(on=PyMongoError, attempts=None, timeout=None):
        with attempt:
            await store()
