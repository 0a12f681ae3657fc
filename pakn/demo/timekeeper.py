"""Drives the scaled clock of the demo day by day, and wakes whoever waits for a legal time.

A day runs at the given speed and stands still a moment before midnight until everything that was due in it is done and
handled. So every act falls on its own day, and the figures do not depend on how fast the machine is, or on a service
that was killed meanwhile.
"""

import asyncio
import heapq
from datetime import datetime, time, timedelta
from itertools import count
from pathlib import Path
from zoneinfo import ZoneInfo

from pakn.legal_time import ScaledTime, from_now_on

_LAST_MOMENT = time(23, 59, 59)


class Timekeeper:
    """The demo's legal clock. `until` waits for a legal time; `play_day` lets one local day pass."""

    def __init__(self, file: Path, start: datetime, zone: ZoneInfo) -> None:
        """`file` is what PAKN_LEGAL_TIME__FILE of the services names; the clock stands at `start` at first."""
        self._file = file
        self._zone = zone
        file.write_text("")
        from_now_on(file, legal=start, rate=0, until=start)
        self._time = ScaledTime(file)
        self._waiting: list[tuple[datetime, int, asyncio.Event]] = []
        self._order = count()
        self._due_and_not_done = 0

    def now(self) -> datetime:
        """The legal time."""
        return self._time.now()

    async def until(self, moment: datetime) -> None:
        """Return when the legal clock has reached `moment`. The caller is counted as busy until it waits again or ends."""
        event = asyncio.Event()
        heapq.heappush(self._waiting, (moment, next(self._order), event))
        await event.wait()

    def done(self) -> None:
        """Somebody who was woken has done what was due."""
        self._due_and_not_done -= 1

    def idle(self, end: datetime) -> bool:
        """Whether nobody has anything left to do before `end`."""
        return self._due_and_not_done == 0 and not (self._waiting and self._waiting[0][0] <= end)

    async def play_day(self, seconds: float) -> datetime:
        """Let the legal clock run to the end of its local day within `seconds`, waking who waits. Returns that end."""
        start = self.now()
        end = datetime.combine(start.astimezone(self._zone).date(), _LAST_MOMENT, self._zone)
        rate = max((end - start).total_seconds(), 0.0) / seconds
        from_now_on(self._file, legal=start, rate=rate, until=end)
        while (now := self.now()) < end:
            self.wake(now)
            await asyncio.sleep(0.005)
        self.wake(end)
        return end

    def next_midnight(self, end: datetime) -> None:
        """Set the clock to the first moment of the next local day."""
        midnight = datetime.combine(end.astimezone(self._zone).date() + timedelta(days=1), time(), self._zone)
        from_now_on(self._file, legal=midnight, rate=0, until=midnight)

    def wake(self, now: datetime) -> None:
        """Wake who waits for a time that has come."""
        while self._waiting and self._waiting[0][0] <= now:
            self._due_and_not_done += 1
            heapq.heappop(self._waiting)[2].set()
