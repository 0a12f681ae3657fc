"""The timers: lets legal time pass for the cases in the partitions that this instance owns. Kafka shards them; no leader, no locks.

Rungs that are due fire, and running clocks go through corrections of the law, batch after batch while the service goes on.

A partition's timers wait until every action and every fact that was in Kafka at the instant in question has been handled:
a reply that came in time is never overtaken by its own deadline, not even after hours of downtime. Publish first, then
mark: after a crash in between the same facts, with the same ids, are published again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from aiokafka import ConsumerRebalanceListener, TopicPartition

from schemas import Fact
from services import metrics
from services.broker import Record
from services.case_store import Change, history_entry
from services.clock import Clock
from services.deadlines import domain
from services.deadlines.backlog import Backlog
from services.deadlines.law import Count
from services.deadlines.lawbook import Lawbook
from services.deadlines.store import DeadlinesStore, read_case, write_case
from services.errors import GiveUp, describe
from services.logs import logger
from services.mongo import Document

log = logger(__name__)
Advanced = tuple[Document, domain.Case, list[domain.Step]]
Publish = Callable[[Sequence[Fact]], Awaitable[None]]


class Ownership(ConsumerRebalanceListener):  # type: ignore[misc]
    """Which partitions are owned, and up to which offset each has been handled."""

    def __init__(self) -> None:
        self.handled: dict[TopicPartition, int | None] = {}

    async def on_partitions_revoked(self, _revoked: Sequence[TopicPartition]) -> None:
        """Another instance fires for these from now on."""
        self.handled.clear()

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """How far the former owner came is read from its committed offsets, at the first tick."""
        self.handled = dict.fromkeys(assigned)

    def note(self, records: Sequence[Record]) -> None:
        """These records are handled and committed."""
        for record in records:
            partition = TopicPartition(record.topic, record.partition)
            if partition in self.handled:
                self.handled[partition] = record.offset + 1


class Ticker:
    """Fires due rungs. `consumer` gives the subscriber's consumer once it is connected."""

    def __init__(
        self,
        lawbook: Lawbook,
        store: DeadlinesStore,
        publish: Publish,
        clock: Clock,
        ownership: Ownership,
        backlog: Backlog,
        consumer: Callable[[], Any],
        grace: timedelta,
        batch: int,
        law_seconds: float,
    ) -> None:
        self._lawbook = lawbook
        self._store = store
        self._publish = publish
        self._clock = clock
        self._ownership = ownership
        self._backlog = backlog
        self._consumer = consumer
        self._grace = grace
        self._batch = batch
        self._law_seconds = law_seconds
        # By what running clocks were counted, and until when, in the machine's time, that need not be asked for again.
        self._counts: list[Count] = []
        self._counts_until = datetime.min.replace(tzinfo=UTC)
        # In which partitions clocks of which counts were looked at since then.
        self._looked_at: dict[int, list[Count]] = {}
        # Per partition: the end of the log at an earlier tick, and the legal instant of that tick.
        self._seen: dict[TopicPartition, tuple[int, datetime]] = {}
        # The turn and the tick change the same cases; in one process they take turns instead of meeting in the store.
        self.turn_lock = asyncio.Lock()

    async def tick(self) -> None:
        """Fire what is due in every owned partition whose facts are all handled."""
        consumer = self._consumer()
        partitions = list(self._ownership.handled)
        if consumer is None or not partitions:
            return
        # The end of the lifecycle topic is asked for after routing's progress: what it made of the actions is below it.
        until = await self._backlog.read_until(self._clock.at(self._clock.machine() - self._grace))
        if until is None:
            return
        ends = await self._backlog.ends(partitions)
        await self._look_at_counts()
        fired_until: list[datetime] = []
        for partition in partitions:
            seen = self._seen.get(partition, (ends[partition], until))
            handled = await self._handled(consumer, partition)
            if handled is None:
                continue
            if handled >= ends[partition]:
                seen = (ends[partition], until)
            if handled >= seen[0]:
                await self._fire(partition.partition, seen[1])
                await self._correct(partition.partition, seen[1])
                fired_until.append(seen[1])
                self._seen[partition] = (ends[partition], until)
            else:
                self._seen[partition] = seen
        if len(fired_until) == len(partitions):
            metrics.timers_fired_until.set(min(fired_until).timestamp())

    async def _handled(self, consumer: Any, partition: TopicPartition) -> int | None:
        """Up to which offset the partition is handled; none when it is no longer owned."""
        if partition not in self._ownership.handled:
            self._seen.pop(partition, None)
            return None
        handled = self._ownership.handled[partition]
        if handled is None:
            handled = await consumer.committed(partition)
        if handled is None:
            handled = (await consumer.beginning_offsets([partition]))[partition]
        return int(handled)

    async def _fire(self, partition: int, until: datetime) -> None:
        """Fire what is due, the oldest first."""
        while True:
            async with self.turn_lock:
                documents = await self._store.due(partition, until, self._batch)
                rows, conflicts = await self._advance(documents, until)
            if rows:
                log.info("timers_fired", partition=partition, cases=len(rows), conflicts=len(conflicts))
            # After a rebalance another instance may come first; what is left is looked at again in the next tick.
            if not rows or conflicts:
                return

    async def _look_at_counts(self) -> None:
        """Ask now and then by what running clocks were counted: whoever counted them, none is left out for long."""
        if (now := self._clock.machine()) >= self._counts_until:
            self._counts = await self._store.counts_in_use()
            self._counts_until = now + timedelta(seconds=self._law_seconds)
            self._looked_at.clear()

    async def _correct(self, partition: int, until: datetime) -> None:
        """Let running clocks go through the corrections that are known by `until`."""
        law = self._lawbook.current()
        outdated = [count for count in self._counts if next(law.corrections_of(count, until), None)]
        if not outdated or self._looked_at.get(partition) == outdated:
            return
        after, looked, moved, left = "", 0, 0, False
        while True:
            async with self.turn_lock:
                documents = await self._store.counted_by(outdated, partition, after, self._batch)
                rows, conflicts = await self._advance(documents, until)
            if not documents:
                break
            after, looked, left = documents[-1]["_id"], looked + len(documents), left or bool(conflicts)
            moved += sum(step.fact.name == "DeadlineMoved" for _, _, steps in rows for step in steps)
            log.info("clocks_corrected", partition=partition, cases=looked, moved=moved, left_to_the_next_tick=left)
        if not left:
            self._looked_at[partition] = outdated

    async def _advance(self, documents: Sequence[Document], until: datetime) -> tuple[list[Advanced], set[str]]:
        """Publish and save what happens to these cases until then; the cases that changed, and where another writer was first."""
        rows = [row for document in documents if (row := self._advance_case(document, until))]
        await self._publish([step.fact for _, _, steps in rows for step in steps])
        changes = [
            Change(
                document["_id"],
                document["version"],
                write_case(case),
                [history_entry(step.fact.cause, [step.fact]) for step in steps],
            )
            for document, case, steps in rows
        ]
        conflicts = await self._store.cases.save(changes)
        now = self._clock.now()
        for step in (step for _, _, steps in rows for step in steps):
            if step.rung:
                metrics.timers_fired.labels(step.rule, step.rung.kind).inc()
                metrics.timer_lateness.observe(max((now - step.rung.at).total_seconds(), 0))
            elif step.fact.name == "DeadlineMoved":
                metrics.clocks_moved.inc()
        return rows, conflicts

    def _advance_case(self, document: Document, until: datetime) -> Advanced | None:
        """None for a case to which nothing happens, or which cannot be decided on, which must not stop the others."""
        before = read_case(document)
        try:
            case, steps = domain.advance(self._lawbook.current(), before, until)
        except Exception as error:  # Whatever is wrong with one case, the clocks of all others go on.
            metrics.dead_letters.labels(error.reason if isinstance(error, GiveUp) else "unexpected").inc()
            log.error("timer_failed", case=document["_id"], error=describe(error))
            return None
        return (document, case, steps) if case != before else None
