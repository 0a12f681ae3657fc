"""The outbox: publishes what was stored by HTTP, whatever happens to Kafka or to this process in between.

A stored document says at which place (instance, seq) it was written; one small mark per instance says up to where all is
published. The fast way publishes right after the insert; the sweep publishes what lies above a mark, also for
instances that have stopped.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import NamedTuple

from pakn import metrics
from pakn.engine.reachability import SERVER_ERRORS, Explains
from pakn.legal_time import LegalTime
from pakn.logs import logger
from schemas import Fact
from services.intake.store import IntakeStore

log = logger(__name__)
_SWEEP_BATCH = 500
# An instance that has not been heard of for so long has stopped; another one publishes what it left.
_STOPPED_AFTER = timedelta(seconds=60)
# A mark is tiny, and forgetting that of an instance that only seemed to have stopped would lose what it stores next.
_FORGOTTEN_AFTER = timedelta(days=1)
_OFFERS = 1000
Publish = Callable[[Sequence[Fact]], Awaitable[None]]


class Placed(NamedTuple):
    """Facts whose documents were stored at the places `first` to `last` of this instance."""

    first: int
    last: int
    facts: Sequence[Fact]


class Outbox:
    """The places of one instance. A place is taken before its document is stored, and settled (offered or abandoned) after."""

    def __init__(self, store: IntakeStore, publish: Publish, time: LegalTime, instance: str, explains: Explains) -> None:
        """`explains` tells failures that come of a server that is away, which is logged already."""
        self._explains = explains
        self.instance = instance
        self._store = store
        self._publish = publish
        self._time = time
        self._given = 0
        self._published = 0
        self._unsettled: set[int] = set()
        self._offered: dict[int, Placed] = {}
        self._something_offered = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()

    def take_places(self, count: int) -> int:
        """Take `count` places and return the first. Each take must be settled by `offer` or `abandon`."""
        first = self._given + 1
        self._given += count
        self._unsettled.add(first)
        metrics.outbox_pending.set(self._given - self._published)
        return first

    def offer(self, placed: Placed) -> None:
        """The documents of these places are stored: publish soon. When too much waits already, the sweep does it."""
        self._unsettled.discard(placed.first)
        if len(self._offered) < _OFFERS:
            self._offered[placed.first] = placed
        self._something_offered.set()

    def abandon(self, first: int) -> None:
        """Storing failed. Some documents may have been stored all the same; the sweep looks for them."""
        self._unsettled.discard(first)

    async def run(self) -> None:
        """Publish what is offered, in order, many offers at once."""
        while True:
            await self._something_offered.wait()
            self._something_offered.clear()
            async with self._one_at_a_time:
                ready = self._take_contiguous()
                if not ready:
                    continue
                try:
                    await self._publish([fact for placed in ready for fact in placed.facts])
                    await self._published_up_to(ready[-1].last)
                except SERVER_ERRORS as error:
                    if not await self._explains(error):
                        log.warning("outbox_waits", error=type(error).__name__, pending=self._given - self._published)

    def _take_contiguous(self) -> list[Placed]:
        # After a gap (an offer that was dropped, abandoned or failed) the mark must not move: the sweep closes the gap.
        ready: list[Placed] = []
        expected = self._published + 1
        while placed := self._offered.pop(expected, None):
            ready.append(placed)
            expected = placed.last + 1
        return ready

    async def _published_up_to(self, seq: int) -> None:
        await self._store.move_mark(self.instance, seq)
        self._published = seq
        metrics.outbox_pending.set(self._given - self._published)

    async def sweep(self) -> None:
        """Publish what the fast way left behind, here and of instances that have stopped. Called every few seconds."""
        async with self._one_at_a_time:
            # Above the first unsettled place an insert is under way: it must not be passed over.
            settled = min(self._unsettled, default=self._given + 1) - 1
            if self._published < settled and self._published + 1 not in self._offered:
                await self._sweep_instance(self.instance, self._published, settled)
                await self._published_up_to(settled)
            self._offered = {first: placed for first, placed in self._offered.items() if first > self._published}
        self._something_offered.set()
        await self._sweep_stopped()

    async def sweep_all_others(self) -> None:
        """Publish at once what any other instance has not marked: called at start, when a predecessor may just have died.

        What a living instance is about to publish itself is published twice, with the same ids, which is harmless. Its
        mark stays where it is: below what was found an insert may still be under way.
        """
        for mark in await self._store.marks_before(self._time.machine()):
            if mark.instance != self.instance:
                await self._sweep_instance(mark.instance, mark.seq, None, move_mark=False)

    async def _sweep_stopped(self) -> None:
        now = self._time.machine()
        for mark in await self._store.marks_before(now - _STOPPED_AFTER):
            if mark.instance != self.instance:
                await self._sweep_instance(mark.instance, mark.seq, None)
                if mark.seen_at < now - _FORGOTTEN_AFTER:
                    await self._store.forget_mark(mark)

    async def heartbeat(self) -> None:
        """Say that this instance has not stopped; needs no Kafka. Called every few seconds."""
        await self._store.heartbeat(self.instance, self._time.machine())

    async def _sweep_instance(self, instance: str, seq: int, up_to: int | None, *, move_mark: bool = True) -> None:
        while True:
            found = await self._store.placed_after(instance, seq, up_to, _SWEEP_BATCH)
            if not found:
                return
            await self._publish([fact for _, facts in found for fact in facts])
            seq = found[-1][0]
            if move_mark:
                await self._store.move_mark(instance, seq)
            log.info("outbox_swept", documents=len(found), up_to=seq)
