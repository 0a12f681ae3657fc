"""Turns at work that takes long, such that nobody's work waits for all of another one's."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class FairTurns:
    """So many pieces of work at once; of the parties that wait for a turn each has one before any has a second one."""

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @asynccontextmanager
    async def turn(self, party: str) -> AsyncIterator[None]:
        """Wait for a turn of this party's, and have it until the block ends."""
        if self._free:
            self._free -= 1
        else:
            given = asyncio.get_running_loop().create_future()
            self._waiting.setdefault(party, deque()).append(given)
            try:
                await given
            except asyncio.CancelledError:
                # A turn that was given already goes to the next one, and one that nobody wants any more is passed over.
                if not given.cancelled():
                    self._give()
                raise
        try:
            yield
        finally:
            self._give()

    def _give(self) -> None:
        while self._waiting:
            party, queue = self._waiting.popitem(last=False)
            given = queue.popleft()
            if queue:
                self._waiting[party] = queue
            if not given.done():
                given.set_result(None)
                return
        self._free += 1
