"""The timers: legal time passes for the cases in the partitions that this instance owns. Kafka shards them: no leader, no locks.

Due warnings and overdues fire, and running clocks go through corrections of the law, batch by batch.

A partition's timers wait until every action and every fact that was in Kafka at the instant in question has been handled:
a reply that came in time is never overtaken by its own deadline, not even after hours of downtime. Publish first, then
mark: after a crash in between the same facts, with the same ids, are published again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from aiokafka import ConsumerRebalanceListener, TopicPartition

from pakn import metrics
from pakn.engine.case_store import Change, history_entry
from pakn.engine.kafka import Record, partition_of
from pakn.engine.mongo import Document
from pakn.errors import GiveUp, TryAgain, describe
from pakn.legal_time import LegalTime
from pakn.logs import logger
from schemas import Fact
from services.deadlines import bounds
from services.deadlines.clocks import decide
from services.deadlines.clocks.clock import Case
from services.deadlines.law.known import LawVersion
from services.deadlines.lawbook import Lawbook
from services.deadlines.store import DeadlinesStore, read_case, write_case
from services.deadlines.timers.backlog import Backlog

log = logger(__name__)
# A clock may be opened by what was known at an event that came very late, after its partition was looked at.
_LOOK_AGAIN = timedelta(minutes=10)
Advanced = tuple[Document, Case, list[decide.Occurrence]]
Publish = Callable[[Sequence[Fact]], Awaitable[None]]


@dataclass(slots=True)
class Walk:
    """Progress of one pass over a partition's outdated clocks: the last case id, counts, and when it ended (machine time)."""

    outdated: list[LawVersion]
    after: str = ""
    cases: int = 0
    moved: int = 0
    conflicts: int = 0
    ended_at: datetime | None = None


class Ownership(ConsumerRebalanceListener):  # type: ignore[misc]
    """Which partitions are owned, up to which offset each has been handled, and how far corrections have come in each."""

    def __init__(self) -> None:
        self.handled: dict[TopicPartition, int | None] = {}
        self.walks: dict[TopicPartition, Walk] = {}

    async def on_partitions_revoked(self, _revoked: Sequence[TopicPartition]) -> None:
        """Another instance fires for these from now on."""
        self.handled.clear()
        self.walks.clear()

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """How far the former owner came is read from its committed offsets, at the first tick."""
        self.handled = dict.fromkeys(assigned)
        self.walks.clear()

    def note(self, records: Sequence[Record]) -> None:
        """These records are handled and committed."""
        for record in records:
            partition = partition_of(record)
            if partition in self.handled:
                self.handled[partition] = record.offset + 1


@dataclass(slots=True)
class Ticker:
    """Fires due rungs. `consumer` gives the subscriber's consumer once it is connected."""

    lawbook: Lawbook
    store: DeadlinesStore
    publish: Publish
    time: LegalTime
    ownership: Ownership
    backlog: Backlog
    consumer: Callable[[], Any]
    grace: timedelta
    batch: int
    # The turn and the tick change the same cases; in one process they take turns instead of meeting in the store.
    turn_lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    # Per partition: the end of the log at an earlier tick, and the legal instant of that tick.
    _seen: dict[TopicPartition, tuple[int, datetime]] = field(default_factory=dict)

    async def tick(self) -> None:
        """Fire what is due in every owned partition whose facts are all handled."""
        consumer = self.consumer()
        partitions = list(self.ownership.handled)
        if consumer is None or not partitions:
            return
        # The end of the lifecycle topic is asked for after routing's progress: what it made of the actions is below it.
        # Nothing is told of a time in which another law may hold that is not read yet.
        now = min(self.time.machine() - self.grace, self.lawbook.complete_until)
        until = await self.backlog.read_until(self.time.at(now))
        if until is None:
            return
        ends = await self.backlog.ends(partitions)
        fired_until: dict[TopicPartition, datetime] = {}
        for partition in partitions:
            seen = self._seen.get(partition, (ends[partition], until))
            handled = await self._handled(consumer, partition)
            if handled is None:
                continue
            if handled >= ends[partition]:
                seen = (ends[partition], until)
            if handled >= seen[0]:
                await self._fire(partition.partition, seen[1])
                fired_until[partition] = seen[1]
                self._seen[partition] = (ends[partition], until)
            else:
                self._seen[partition] = seen
        if len(fired_until) == len(partitions):
            metrics.timers_fired_until.set(min(fired_until.values()).timestamp())
        # What is due goes out first, and waits for one batch of a long correction at most.
        for partition, instant in fired_until.items():
            await self._correct(partition, instant)

    async def _handled(self, consumer: Any, partition: TopicPartition) -> int | None:
        """Up to which offset the partition is handled; none when it is no longer owned."""
        if partition not in self.ownership.handled:
            self._seen.pop(partition, None)
            return None
        handled = self.ownership.handled[partition]
        if handled is None:
            handled = await consumer.committed(partition)
        if handled is None:
            handled = (await consumer.beginning_offsets([partition]))[partition]
        return int(handled)

    async def _fire(self, partition: int, until: datetime) -> None:
        """Fire what is due, the oldest first."""
        failed: set[str] = set()
        while True:
            async with self.turn_lock:
                documents = await self.store.due(partition, until, self.batch, sorted(failed), self.backlog.waiting_agencies)
                rows, conflicts = await self._advance(documents, until)
            if rows:
                log.info("timers_fired", partition=partition, cases=len(rows), conflicts=len(conflicts))
            # Whatever is wrong with some cases, those behind them have their turn. Where another instance came first, after a
            # rebalance, what is left is looked at again in the next tick.
            failed |= {document["_id"] for document in documents} - {document["_id"] for document, _, _ in rows}
            if not documents or conflicts:
                return

    async def _correct(self, partition: TopicPartition, until: datetime) -> None:
        """Let a batch of running clocks go through the corrections that are known by `until`; the next tick takes the next."""
        outdated = self.lawbook.current().outdated(until)
        walk = self.ownership.walks.get(partition)
        if walk is None or walk.outdated != outdated or (walk.ended_at and self.time.machine() - walk.ended_at > _LOOK_AGAIN):
            walk = self.ownership.walks[partition] = Walk(outdated)
        if not outdated or walk.ended_at:
            return
        async with self.turn_lock:
            unread = self.backlog.waiting_agencies
            documents = await self.store.counted_by(outdated, partition.partition, walk.after, self.batch, unread)
            rows, conflicts = await self._advance(documents, until)
        if not documents:
            # Where another instance came first, after a rebalance, what is left is looked at once more.
            walk.after, walk.ended_at, walk.conflicts = "", None if walk.conflicts else self.time.machine(), 0
            return
        walk.after, walk.cases, walk.conflicts = documents[-1]["_id"], walk.cases + len(documents), walk.conflicts + len(conflicts)
        walk.moved += sum(step.fact.name == "DeadlineMoved" for _, _, steps in rows for step in steps)
        log.info("clocks_corrected", partition=partition.partition, cases=walk.cases, moved=walk.moved, conflicts=walk.conflicts)

    async def _advance(self, documents: Sequence[Document], until: datetime) -> tuple[list[Advanced], set[str]]:
        """Publish and save what happens to these cases until then; the cases that changed, and where another writer was first."""
        rows = [row for document in documents if (row := self._advance_case(document, until))]
        await self.publish([step.fact for _, _, steps in rows for step in steps])
        changes = [
            Change(document["_id"], document["version"], write_case(case), timed=_evidence(steps), most_timed=bounds.MOST_TIMED)
            for document, case, steps in rows
        ]
        conflicts = await self.store.cases.save(changes)
        now = self.time.now()
        for step in (step for _, _, steps in rows for step in steps):
            if step.rung:
                metrics.timers_fired.labels(step.rule, step.rung.kind).inc()
                metrics.timer_lateness.observe(max((now - step.rung.at).total_seconds(), 0))
            elif step.fact.name == "DeadlineMoved":
                metrics.clocks_moved.inc()
        return rows, conflicts

    def _advance_case(self, document: Document, until: datetime) -> Advanced | None:
        """None for a case to which nothing happens, or which cannot be decided on, which must not stop the others."""
        try:
            before = read_case(document)
            case, steps = decide.advance(self.lawbook.current(), before, until)
        except TryAgain as error:
            log.warning("timer_waits", case=document["_id"], error=describe(error))
            return None
        except Exception as error:  # Whatever is wrong with one case, the clocks of all others go on.
            metrics.dead_letters.labels(error.reason if isinstance(error, GiveUp) else "unexpected").inc()
            log.error("timer_failed", case=document["_id"], error=describe(error))
            return None
        return (document, case, steps) if case != before else None


def _evidence(steps: Sequence[decide.Occurrence]) -> list[Document]:
    """What a case keeps of the facts of timers and corrections."""
    return [history_entry(step.fact.cause, [step.fact]) for step in steps]
