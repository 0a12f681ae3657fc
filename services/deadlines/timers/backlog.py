"""How far routing has read what agencies did: a reply that waits in an agency's topic is in time, though it is no fact yet.

It compares offsets in Kafka: the end of each agency's topic, and what the reader of the actions has committed. That service
commits an action after Kafka has acknowledged the facts of it (`schemas.topics.READS`).
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from pakn.engine import kafka, kafka_login
from pakn.engine.put_off import PUT_OFF
from pakn.engine.quarantine import QUARANTINED
from pakn.settings import Settings
from schemas import topics
from schemas.topics import TopicName

MOST_UNREAD = 100
"""With more unread actions than this, an agency holds up its own cases only. Routing reads as many within minutes, however slow."""
_ANSWER_SECONDS = 20
_HELD = frozenset({QUARANTINED, PUT_OFF})
_LOOK_MS = 500


class Backlog:
    """Three plain clients of Kafka, which connect at the first question. `agencies` gives the agencies that act now."""

    def __init__(self, settings: Settings, agencies: Callable[[], Iterable[str]]) -> None:
        self._settings = settings
        self._agencies = agencies
        self._group = kafka.group_name(settings.namespace, topics.reader_of(topics.ACTIONS))
        self._clients: tuple[Any, Any, Any] | None = None
        # What the topics held at an earlier question, and the instant of that question.
        self._waiting: tuple[Mapping[TopicPartition, int], datetime] | None = None
        self._read_until: datetime | None = None
        self._waiting_now: frozenset[str] = frozenset()
        self.waiting_agencies: frozenset[str] = frozenset()
        """The agencies whose actions are not all read up to `read_until`: some are in quarantine, put off or in an open
        transaction, or are more than MOST_UNREAD, or were until now."""
        # Behind what routing has committed: up to where no record is, and from where one is, so that each is looked at once.
        self._no_record_before: dict[TopicPartition, int] = {}
        self._record_at: dict[TopicPartition, int] = {}

    async def read_until(self, now: datetime) -> datetime | None:
        """The latest instant, `now` or earlier, up to which routing has made facts of every action; none before the first.

        An agency whose actions are in quarantine, put off, in a transaction that is open, or more than MOST_UNREAD holds up its
        own cases only: it is one of `waiting_agencies` then.
        Raises KafkaError or TimeoutError when Kafka does not answer.
        """
        async with asyncio.timeout(_ANSWER_SECONDS):
            names = [kafka.topic_name(self._settings.namespace, topics.actions(agency)) for agency in self._agencies()]
            partitions = [TopicPartition(name, 0) for name in names]
            # Asked first: what is committed in between is in the ends.
            written = await self._ends_of_all(partitions)
            ends = await self.ends(partitions)
            read = await self._read(ends)
            self._waiting_now |= {_agency(partition) for partition, end in ends.items() if end < written[partition]}
        # Under constant traffic the newest actions are never all read, hence the earlier question beside this one.
        for held, instant in ((ends, now), *([self._waiting] if self._waiting else [])):
            if all(read.get(partition, 0) >= end for partition, end in held.items()):
                self._read_until, self._waiting, self.waiting_agencies = instant, None, self._waiting_now
                break
        else:
            # Of those that have just stopped waiting nothing is read yet.
            self.waiting_agencies |= self._waiting_now
        if self._waiting is None:
            self._waiting = (ends, now)
        return self._read_until

    async def ends(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """How much these partitions hold. Raises KafkaError or TimeoutError when Kafka does not answer."""
        async with asyncio.timeout(_ANSWER_SECONDS):
            consumer, *_ = await self._connected()
            kafka.assign_paused(consumer, partitions)
            ends: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
        return ends

    async def _ends_of_all(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """How much these partitions hold with what is written and not committed, which readers do not see yet."""
        *_, uncommitted = await self._connected()
        kafka.assign_paused(uncommitted, partitions)
        ends: dict[TopicPartition, int] = await uncommitted.end_offsets(partitions)
        return ends

    async def _read(self, ends: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        consumer, admin, _ = await self._connected()
        committed = await admin.list_consumer_group_offsets(self._group)
        read = {partition: committed[partition].offset if partition in committed else 0 for partition in ends}
        held = {partition for partition in ends if partition in committed and committed[partition].metadata in _HELD}
        self._waiting_now = frozenset(map(_agency, held))
        read |= {partition: ends[partition] for partition in held}
        behind = [partition for partition, end in ends.items() if read[partition] < end]
        if not behind:
            return read
        # Records that age or an operator has removed are no more to be read.
        for partition, beginning in (await consumer.beginning_offsets(behind)).items():
            read[partition] = max(read[partition], beginning, self._no_record_before.get(partition, 0))
        behind = [partition for partition in behind if read[partition] < ends[partition]]
        # First of all: a thousand records of a transaction that was given up are no unread ones.
        await self._pass_over_markers({partition: read[partition] for partition in behind})
        read |= {partition: max(read[partition], self._no_record_before.get(partition, 0)) for partition in behind}
        many = {partition for partition in behind if ends[partition] - read[partition] > MOST_UNREAD}
        self._waiting_now |= {_agency(partition) for partition in many}
        return read | {partition: ends[partition] for partition in many}

    async def _pass_over_markers(self, behind: Mapping[TopicPartition, int]) -> None:
        """Look whether anything but the ends of transactions is left unread.

        Such a marker takes an offset, is no record, and is never committed. Only a position that has gone on without a
        record proves it; a silent Kafka proves nothing.
        """
        looked = [partition for partition, offset in behind.items() if self._record_at.get(partition) != offset]
        if not looked:
            return
        consumer, *_ = await self._connected()
        for partition in looked:
            consumer.seek(partition, behind[partition])
        consumer.resume(*looked)
        try:
            found = await consumer.getmany(*looked, timeout_ms=_LOOK_MS)
        finally:
            consumer.pause(*looked)
        for partition in looked:
            if found.get(partition):
                self._record_at[partition] = behind[partition]
            else:
                self._no_record_before[partition] = await consumer.position(partition)

    async def _connected(self) -> tuple[Any, Any, Any]:
        if self._clients is None:
            consumer = kafka.make_consumer(self._settings.kafka)
            admin = AIOKafkaAdminClient(**kafka_login.client_options(self._settings.kafka))
            uncommitted = kafka.make_consumer(self._settings.kafka, isolation_level="read_uncommitted")
            self._clients = (consumer, admin, uncommitted)
            try:
                for client in self._clients:
                    await client.start()
            except BaseException:
                # Half of them connected would leak; the next question connects anew.
                await self.close()
                raise
        return self._clients

    async def close(self) -> None:
        """Disconnect."""
        if self._clients is not None:
            (consumer, admin, uncommitted), self._clients = self._clients, None
            await consumer.stop()
            await admin.close()
            await uncommitted.stop()


def _agency(partition: TopicPartition) -> str:
    return TopicName.parse(partition.topic).party
