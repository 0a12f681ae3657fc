"""Keeps a record that ends the process from stopping the others: takes partitions, tries suspects, and holds what is in quarantine.

`pakn.engine.quarantine` decides; this file pauses, marks and hands over. While a suspect is on trial nothing else is read, so
that whatever ends the process then is the record that is marked. Without suspects a batch goes through untouched.
"""

import asyncio
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError
from faststream.kafka import KafkaBroker, KafkaMessage
from pymongo.errors import PyMongoError

from pakn import metrics
from pakn.engine import kafka, quarantine
from pakn.engine.kafka import Fatal, OnBatch, Record, part_of, partition_of
from pakn.engine.put_off import PUT_OFF, PutOff
from pakn.engine.quarantine import QUARANTINED, Note, Standing
from pakn.engine.quarantine_store import Noted, QuarantineStore, until_stored
from pakn.engine.reachability import SERVER_ERRORS, Explains
from pakn.engine.trial import Trial
from pakn.errors import describe
from pakn.legal_time import machine_now
from pakn.logs import logger
from pakn.settings import Settings
from schemas.topics import ServiceName

log = logger(__name__)
_LOOK_SECONDS = 2.0
_ANSWER_SECONDS = 5.0
# Between two tries of a partition whose next records have to wait.
_PUT_OFF_SECONDS = 30.0


class Isolation(ConsumerRebalanceListener):  # type: ignore[misc]
    """The partitions of one service's process. `run` is to run beside the reading, and `let_go` ends it."""

    def __init__(self, settings: Settings, service: ServiceName, store: QuarantineStore, explains: Explains, fatal: Fatal) -> None:
        """Connects to nothing."""
        self._explains, self._fatal = explains, fatal
        self._settings, self._service, self._store, self._limits = settings, service, store, settings.quarantine
        self._holder = uuid.uuid4().hex
        self._assigned: frozenset[TopicPartition] = frozenset()
        self._standings: dict[TopicPartition, Standing] = {}
        # Suspects that gave no record; until the next assignment they are read like the others.
        self._unproven: set[TopicPartition] = set()
        self._trial: Trial | None = None
        self._put_off = PutOff(_PUT_OFF_SECONDS)
        self._changed = asyncio.Event()
        # One batch, or one change of what is read: whatever is in hand is never handled beside another batch.
        self._turn = asyncio.Lock()
        self._handling = self._blamed = self._noted = False

    def subscribe(
        self,
        broker: KafkaBroker,
        topics: Iterable[str],
        on_batch: OnBatch,
        listener: ConsumerRebalanceListener | None = None,
        gather_ms: int = 0,
    ) -> Any:
        """Read `topics` as `kafka.subscribe` does, with this between the client library and `on_batch`."""
        self._on_batch, self._inner = on_batch, listener
        self._hand_on_or_end = kafka.never_passed_over(self._hand_on, self._fatal)
        self._subscriber = kafka.subscribe(broker, self._settings, self._service, topics, self._handle, self, gather_ms)
        return self._subscriber

    @property
    def quarantined(self) -> frozenset[TopicPartition]:
        """The owned partitions in quarantine: their records wait for an operator."""
        return frozenset(partition for partition, standing in self._standings.items() if standing.quarantined is not None)

    @property
    def waiting(self) -> frozenset[TopicPartition]:
        """The owned partitions whose records wait for an operator, for what is away, or for their next share of the time."""
        return self.quarantined | self._put_off.partitions

    async def put_off(self, message: KafkaMessage, records: Sequence[Record]) -> None:
        """Read these of a batch again after a pause, and nothing of their partitions before; others go on. Raises KafkaError."""
        partitions = {partition_of(record) for record in records} & self._assigned
        seconds = self._put_off.add(partitions)
        self._subscriber.consumer.pause(*partitions)
        await kafka.put_back(part_of(message, records), partitions, PUT_OFF)
        log.warning("partitions_put_off", topics=sorted(partition.topic for partition in partitions), seconds=round(seconds))

    def blame(self, error: BaseException | None = None) -> None:
        """Leave this process's notes at its end, unless `error` explains it, so that the next owner blames the records in hand.

        Without an error: a process that hangs. Only a batch that is being handled can be the cause of that.
        """
        self._blamed |= self._handling if error is None else not quarantine.is_explained(error, self._trial is not None)

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """Others may own these from now on."""
        self._assigned, self._standings, self._trial = frozenset(), {}, None
        self._unproven.clear()
        self._put_off.clear()
        metrics.quarantined_partitions.clear()
        if self._inner is not None:
            await self._inner.on_partitions_revoked(revoked)
        await self.let_go()

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """Nothing is read of these before it is known what ended their owner before."""
        self._subscriber.consumer.pause(*assigned)
        self._assigned = frozenset(assigned)
        self._changed.set()
        if self._inner is not None:
            await self._inner.on_partitions_assigned(assigned)

    async def let_go(self) -> None:
        """Take back the notes of this process, whose end or loss of partitions is explained; after `blame` they stay."""
        if self._blamed or not self._noted:
            return
        try:
            await asyncio.wait_for(self._store.let_go(self._holder), _ANSWER_SECONDS)
        except (PyMongoError, TimeoutError) as error:
            # One note too many makes nobody a suspect.
            log.warning("partitions_not_let_go", error=describe(error))

    async def run(self) -> None:
        """Take what is assigned, try suspects, and carry out what operators decide; for ever."""
        while True:
            self._changed.clear()
            try:
                async with self._turn:
                    await self._look()
            except SERVER_ERRORS as error:
                if not await self._explains(error):
                    log.warning("partitions_not_looked_at", error=describe(error))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), _LOOK_SECONDS)

    async def _look(self) -> None:
        assigned = self._assigned
        if not assigned:
            return
        consumer = self._subscriber.consumer
        if new := assigned - self._standings.keys():
            await self._take(consumer, new)
        await self._obey(consumer, await self._store.read(self.quarantined))
        await self._try_next(consumer)
        if assigned is self._assigned:
            self._read_what_may_be(consumer)

    async def _take(self, consumer: Any, new: Iterable[TopicPartition]) -> None:
        assigned = self._assigned
        before = await self._store.read(new)
        notes: dict[TopicPartition, Note] = {}
        for partition, position in (await kafka.positions(consumer, new)).items():
            noted = before.get(partition, Noted())
            notes[partition] = Note(noted.standing, position, noted.holder not in (None, self._holder))
        now = quarantine.begin_all(notes, self._limits)
        self._noted = True
        await self._store.take(self._holder, before, now, machine_now())
        if assigned is not self._assigned:
            await self.let_go()
            return
        self._standings |= now
        for partition in self.quarantined & now.keys():
            place = f"{partition.topic}/{partition.partition}/{now[partition].quarantined}"
            log.error("partition_in_quarantine", place=place, do=f"look at the record, then: pakn quarantine release|skip {place}")
            await kafka.commit_offset(consumer, partition, now[partition].at, QUARANTINED)

    async def _obey(self, consumer: Any, noted: Mapping[TopicPartition, Noted]) -> None:
        """Carry out what an operator has decided on partitions in quarantine."""
        for partition in self.quarantined & noted.keys():
            row, offset = noted[partition], self._standings[partition].quarantined
            if row.skip is not None and row.skip == offset:
                await kafka.commit_offset(consumer, partition, offset + 1)
                consumer.seek(partition, offset + 1)
                await self._keep(partition, quarantine.skipped(offset, self._limits))
                log.warning("record_skipped", place=f"{partition.topic}/{partition.partition}/{offset}", why=row.why)
            elif row.standing.quarantined is None:
                await kafka.commit_offset(consumer, partition, row.standing.at)
                self._standings[partition] = row.standing
                log.warning("partition_released", topic=partition.topic, partition=partition.partition)

    async def _try_next(self, consumer: Any) -> None:
        """End a trial in which no record comes any more, and begin the next one."""
        if trial := self._trial:
            await self._see_whether_over(trial, await consumer.position(trial.partition))
        suspects = [p for p, standing in self._standings.items() if quarantine.is_suspect(standing, self._limits)]
        suspects = sorted(set(suspects) - self._unproven, key=lambda p: (-self._standings[p].ends, p))
        if self._trial or not suspects:
            return
        try:
            ends = await asyncio.wait_for(consumer.end_offsets(suspects), _ANSWER_SECONDS)
        except (KafkaError, TimeoutError) as error:
            # A broker that is away must not keep all other partitions waiting.
            if not await self._explains(error):
                log.warning("suspects_not_tried", error=describe(error))
            self._unproven |= set(suspects)
            return
        for partition in suspects:
            position = await consumer.position(partition)
            if position >= ends[partition]:
                # No record was there, so none can have ended a process.
                await self._acquit(partition, position)
                continue
            await self._mark(partition, position, position)
            if partition in self._assigned:
                self._trial = Trial(partition, ends[partition], self._settings.kafka.max_records)
                self._subscriber.max_records = 1
                log.warning("records_handed_over_singly", topic=partition.topic, partition=partition.partition)
            return

    async def _see_whether_over(self, trial: Trial, position: int) -> None:
        """End a trial that gets no more records."""
        if position >= trial.end:
            # The last record may be on its way to the handler now; at the next look it is handled.
            if trial.drained == trial.left:
                await self._acquit(trial.partition, position)
            trial.drained = trial.left
        elif trial.is_too_long(time.monotonic()):
            await self._leave_unproven(trial.partition)

    async def _leave_unproven(self, partition: TopicPartition) -> None:
        """End its trial without a result. The mark goes: from now on other records are in hand as well."""
        self._unproven.add(partition)
        await self._keep(partition, replace(self._standings[partition], in_hand=None))
        self._end_trial()

    def _must_wait(self) -> frozenset[TopicPartition]:
        """The owned partitions of which nothing is to be read now."""
        if self._trial:
            return self._assigned - {self._trial.partition}
        return (self._assigned - self._standings.keys()) | self.quarantined | self._put_off.pausing

    def _read_what_may_be(self, consumer: Any) -> None:
        waiting = self._must_wait()
        consumer.pause(*waiting)
        consumer.resume(*(self._assigned - waiting))
        metrics.quarantined_partitions.clear()
        for partition in self.quarantined:
            metrics.quarantined_partitions.labels(partition.topic, partition.partition).set(1)

    async def _mark(self, partition: TopicPartition, at: int, in_hand: int) -> None:
        if partition in self._standings:
            await self._keep(partition, quarantine.marked(self._standings[partition], at, in_hand))

    async def _acquit(self, partition: TopicPartition, at: int) -> None:
        if partition in self._standings:
            await self._keep(partition, quarantine.acquitted(at))
            if self._trial and self._trial.partition == partition:
                self._end_trial()

    async def _keep(self, partition: TopicPartition, standing: Standing) -> None:
        self._standings[partition] = standing
        await self._store.save(self._holder, partition, standing)

    def _end_trial(self) -> None:
        self._trial = None
        self._subscriber.max_records = self._settings.kafka.max_records
        self._changed.set()

    async def _handle(self, message: KafkaMessage) -> None:
        async with self._turn:
            self._handling = True
            self._put_off.batch_begins()
            await self._hand_on_or_end(message)
            self._handling = False

    async def _hand_on(self, message: KafkaMessage) -> None:
        """Hand a batch on; of a suspect, one record at a time."""
        records: Sequence[Record] = message.raw_message
        if waiting := {partition_of(record) for record in records} & self._must_wait():
            records = await kafka.put_back(message, waiting)
        if (trial := self._trial) is not None:
            await self._hand_over_singly(trial, message, [r for r in records if partition_of(r) == trial.partition])
        elif records:
            await self._on_batch(part_of(message, records))
        self._put_off.went_on(map(partition_of, records))

    async def _hand_over_singly(self, trial: Trial, message: KafkaMessage, records: Sequence[Record]) -> None:
        partition = trial.partition
        for record in records:
            # After a rebalance the rest comes again to whoever owns it.
            if trial is not self._trial:
                return
            if (standing := self._standings[partition]).in_hand != record.offset:
                await until_stored(partial(self._mark, partition, standing.at, record.offset))
            await self._on_batch(part_of(message, [record]))
            if partition in self._put_off.pausing:
                await until_stored(partial(self._leave_unproven, partition))
                return
            trial.left, trial.since = trial.left - 1, time.monotonic()
            following = record.offset + 1
            if trial.left <= 0 or following >= trial.end:
                await until_stored(partial(self._acquit, partition, following))
            else:
                await until_stored(partial(self._mark, partition, following, following))
