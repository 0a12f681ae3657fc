"""How far routing has read what agencies did: a reply that waits in an agency's topic is in time, though it is no fact yet.

`ticker.py` fires only up to the instant that this gives. Offsets in Kafka are all that is looked at: how much each
agency's topic holds, and how much of it routing has committed, which it does after its facts are acknowledged.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from schemas import topics
from services import broker as kafka
from services.settings import Settings

_ANSWER_SECONDS = 20
_READER = "routing"
_LOOK_MS = 1000


class Backlog:
    """Two plain clients of Kafka, connected at the first question. `agencies` gives the agencies that act now."""

    def __init__(self, settings: Settings, agencies: Callable[[], Iterable[str]]) -> None:
        self._settings = settings
        self._agencies = agencies
        self._clients: tuple[Any, Any] | None = None
        # What the topics held at an earlier question, and the instant of that question.
        self._waiting: tuple[Mapping[TopicPartition, int], datetime] | None = None
        self._read_until: datetime | None = None
        # Where a record was seen that routing has not read: it has to come first, so there is nothing to look at again.
        self._records_from: dict[TopicPartition, int] = {}

    async def read_until(self, now: datetime) -> datetime | None:
        """The latest instant, `now` or earlier, up to which routing has made facts of every action; none before the first.

        Raises KafkaError or TimeoutError when Kafka does not answer.
        """
        async with asyncio.timeout(_ANSWER_SECONDS):
            ends = await self._action_ends()
            read = await self._read(ends)
        # Under constant traffic the newest actions are never all read, hence the earlier question beside this one.
        for held, instant in ((ends, now), *([self._waiting] if self._waiting else [])):
            if all(read.get(partition, 0) >= end for partition, end in held.items()):
                self._read_until, self._waiting = instant, None
                break
        if self._waiting is None:
            self._waiting = (ends, now)
        return self._read_until

    async def ends(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """How much these partitions hold. Raises KafkaError or TimeoutError when Kafka does not answer."""
        async with asyncio.timeout(_ANSWER_SECONDS):
            consumer, _ = await self._connected()
            kafka.only_ask(consumer, partitions)
            ends: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
        return ends

    async def _action_ends(self) -> dict[TopicPartition, int]:
        names = [kafka.topic_name(self._settings.namespace, topics.actions(agency)) for agency in self._agencies()]
        return await self.ends([TopicPartition(name, 0) for name in names])

    async def _read(self, ends: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        consumer, admin = await self._connected()
        committed = await admin.list_consumer_group_offsets(f"{self._settings.namespace}.{_READER}")
        read = {partition: committed[partition].offset if partition in committed else 0 for partition in ends}
        behind = [partition for partition, end in ends.items() if read[partition] < end]
        if not behind:
            return read
        # Records that age or an operator has removed are no more to be read.
        for partition, beginning in (await consumer.beginning_offsets(behind)).items():
            read[partition] = max(read[partition], beginning)
        for partition in behind:
            # The marker by which a producer ends a transaction takes an offset and is no record: nobody ever commits it.
            if read[partition] < ends[partition] and await self._no_record_from(partition, read[partition]):
                read[partition] = ends[partition]
        return read

    async def _no_record_from(self, partition: TopicPartition, offset: int) -> bool:
        """Whether a partition that goes on beyond `offset` holds no record there. Looked at once for each offset."""
        if self._records_from.get(partition) != offset:
            consumer, _ = await self._connected()
            consumer.seek(partition, offset)
            consumer.resume(partition)
            try:
                found = await consumer.getmany(partition, timeout_ms=_LOOK_MS, max_records=1)
            finally:
                consumer.pause(partition)
            if not found:
                return True
            self._records_from[partition] = offset
        return False

    async def _connected(self) -> tuple[Any, Any]:
        if self._clients is None:
            options = {"bootstrap_servers": self._settings.kafka.bootstrap, **kafka.admin_security(self._settings.kafka)}
            consumer, admin = AIOKafkaConsumer(enable_auto_commit=False, **options), AIOKafkaAdminClient(**options)
            try:
                await consumer.start()
                await admin.start()
            except BaseException:
                # A half-connected pair would leak; the next question connects anew.
                await consumer.stop()
                await admin.close()
                raise
            self._clients = (consumer, admin)
        return self._clients

    async def close(self) -> None:
        """Disconnect."""
        if self._clients is not None:
            consumer, admin = self._clients
            await consumer.stop()
            await admin.close()
            self._clients = None
