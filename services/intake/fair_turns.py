"""Turns at work that takes long, such that nobody's work waits for all of another one's."""

import asyncio
import contextlib
import math
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class FairTurns:
    """So many pieces of work at once; of the parties that wait for a turn each has one before any has a second one."""

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @asynccontextmanager
    async def turn(self, party: str, seconds: float = math.inf) -> AsyncIterator[None]:
        """Wait for a turn of this party's, and have it until the block ends. Raises TimeoutError where none comes in `seconds`."""
        if self._free:
            self._free -= 1
        else:
            given = asyncio.get_running_loop().create_future()
            self._waiting.setdefault(party, deque()).append(given)
            try:
                async with asyncio.timeout(None if math.isinf(seconds) else max(seconds, 0)):
                    await given
            except (asyncio.CancelledError, TimeoutError):
                if given.cancelled():
                    self._forget(party, given)
                else:
                    # It was given at the same moment, and goes to the next one.
                    self._give()
                raise
        try:
            yield
        finally:
            self._give()

    def _give(self) -> None:
        while self._waiting:
            party, queue = next(iter(self._waiting.items()))
            given = queue.popleft()
            if not queue:
                del self._waiting[party]
            if given.done():
                continue  # Who gave up at this moment takes no turn from its party.
            given.set_result(None)
            if queue:
                self._waiting.move_to_end(party)
            return
        self._free += 1

    def _forget(self, party: str, given: asyncio.Future[None]) -> None:
        queue = self._waiting.get(party, deque())
        with contextlib.suppress(ValueError):
            queue.remove(given)
            if not queue:
                del self._waiting[party]
