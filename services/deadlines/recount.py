"""Takes up a calendar that was applied and counts running clocks again, batch after batch, while the service goes on.

Each instance counts the clocks of the partitions that it owns. Publish first, then save: after a crash in between the same
facts, with the same ids, are published again. `app.py` runs `look`; `moves.py` decides.
"""

import asyncio
from collections.abc import Callable, Iterable
from datetime import date

from schemas import Fact
from services import metrics
from services.case_store import Change, history_entry
from services.clock import Clock
from services.deadlines import moves
from services.deadlines.clocks import Case, Law
from services.deadlines.store import DeadlinesStore, read_case, write_case
from services.deadlines.ticker import Publish
from services.deadlines.workdays import WorkDays
from services.errors import GiveUp
from services.logs import logger
from services.mongo import Document

log = logger(__name__)


class Recounter:
    """Counts running clocks again when the law is corrected."""

    def __init__(
        self,
        law: Law,
        store: DeadlinesStore,
        publish: Publish,
        clock: Clock,
        partitions: Callable[[], Iterable[int]],
        turn_lock: asyncio.Lock,
        batch: int,
    ) -> None:
        """`partitions` gives the numbers of those that are owned; `turn_lock` is held while cases are changed."""
        self._law = law
        self._store = store
        self._publish = publish
        self._clock = clock
        self._partitions = partitions
        self._turn_lock = turn_lock
        self._batch = batch
        self._done_for: tuple[str, frozenset[int], date | None] | None = None

    async def look(self) -> None:
        """Take up a later calendar, and count again what is outdated here. Does nothing where nothing has changed."""
        version = await self._store.latest_calendar_version()
        if version is not None and version > self._law.days.calendar.version:
            calendar = await self._store.calendar(version)
            async with self._turn_lock:
                self._law.days = WorkDays(calendar)
            log.info("calendar_taken_up", version=version)
        metrics.calendar_ends.set(self._law.days.ends.timestamp())
        partitions = frozenset(self._partitions())
        today = self._law.days.local_day(self._clock.now())
        # A day can only change what is outdated where a rule set takes over the open clocks of another.
        takes_over = any(rule_set.open_clocks == "move" for rule_set in self._law.pack.rule_sets)
        wanted = (self._law.days.calendar.version, partitions, today if takes_over else None)
        if partitions and wanted != self._done_for:
            await self._recount(partitions, today)
            self._done_for = wanted

    async def _recount(self, partitions: Iterable[int], today: date) -> None:
        outdated = [count for count in await self._store.counts_in_use() if self._law.is_outdated(count, today)]
        after, cases, moved = "", 0, 0
        while outdated:
            async with self._turn_lock:
                documents = await self._store.counted_by(outdated, partitions, after, self._batch)
                if not documents:
                    break
                moved += await self._recount_batch(documents)
            after, cases = documents[-1]["_id"], cases + len(documents)
            log.info("clocks_recounted", cases=cases, moved=moved, calendar=self._law.days.calendar.version)

    async def _recount_batch(self, documents: Iterable[Document]) -> int:
        rows = [row for document in documents if (row := self._recount_case(document))]
        facts = [fact for _, _, facts in rows for fact in facts]
        await self._publish(facts)
        changes = [
            Change(document["_id"], document["version"], write_case(case), [history_entry(facts[0].cause, facts)] if facts else [])
            for document, case, facts in rows
        ]
        # A conflict is another instance's work after a rebalance; what it left is outdated still, and found by its own look.
        await self._store.cases.save(changes)
        moved = sum(fact.name == "DeadlineMoved" for fact in facts)
        metrics.clocks_moved.inc(moved)
        return moved

    def _recount_case(self, document: Document) -> tuple[Document, Case, list[Fact]] | None:
        try:
            case, facts = moves.move(self._law, read_case(document), self._clock.now())
        except GiveUp as error:
            # Nothing is guessed: the clock keeps its day, and the next calendar may reach further.
            log.error("clock_not_recounted", case=document["_id"], reason=str(error))
            metrics.dead_letters.labels(error.reason).inc()
            return None
        return document, case, facts
