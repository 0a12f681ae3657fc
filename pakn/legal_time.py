"""The two clocks: the machine's, for retries and leases, and the legal one, in which days are counted.

Only this file reads the machine's clock. With `ScaledTime` the demo and the tests play weeks in a minute, through the code
that runs in production.
"""

import bisect
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path


def machine_now() -> datetime:
    """The machine's time, in UTC, in whole milliseconds: what a database keeps is then what was answered."""
    return in_milliseconds(datetime.now(UTC))


def in_milliseconds(moment: datetime) -> datetime:
    """The moment in whole milliseconds, which is what a database keeps of it."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


class LegalTime:
    """What services need to know of time. The legal clock is the machine's."""

    def __init__(self, machine: Callable[[], datetime] = machine_now) -> None:
        self._machine = machine

    def now(self) -> datetime:
        """The legal time, in UTC."""
        return self.at(self._machine())

    def at(self, machine_time: datetime) -> datetime:
        """The legal time at a moment of the machine's (for example a record's broker timestamp), in UTC."""
        return machine_time.astimezone(UTC)

    def machine(self) -> datetime:
        """The machine's time, in UTC, for leases, backoff and measurements."""
        return self._machine()


class ScaledTime(LegalTime):
    """A legal clock that a file drives: each line is a segment `{"machine", "legal", "rate", "until"}`.

    Inside a segment legal time runs at `rate` legal seconds a machine second from `legal`, and stands still at `until`.
    Old segments stay in the file, so that a record's broker timestamp can be placed after a restart too.
    """

    def __init__(self, file: Path, machine: Callable[[], datetime] = machine_now) -> None:
        """Read `file` again whenever it has grown. Raises FileNotFoundError at once when it is missing."""
        super().__init__(machine)
        self._file = file
        self._size = -1
        self._starts: list[datetime] = []
        self._segments: list[tuple[datetime, datetime, float, datetime]] = []
        self._read()

    def _read(self) -> None:
        size = self._file.stat().st_size
        if size == self._size:
            return
        self._size = size
        self._segments = []
        # A line that is still being written has no line break yet; it is read at the next call.
        text, _, _ = self._file.read_text().rpartition("\n")
        for line in text.splitlines():
            row = json.loads(line)
            start, legal, until = (datetime.fromisoformat(row[key]) for key in ("machine", "legal", "until"))
            self._segments.append((start, legal, float(row["rate"]), until))
        self._starts = [segment[0] for segment in self._segments]

    def at(self, machine_time: datetime) -> datetime:
        """The legal time at `machine_time`; before the first segment the first segment's start."""
        self._read()
        start, legal, rate, until = self._segments[max(bisect.bisect_right(self._starts, machine_time) - 1, 0)]
        elapsed = max((machine_time - start).total_seconds(), 0.0)
        return in_milliseconds(min(legal + timedelta(seconds=elapsed * rate), until).astimezone(UTC))


def append_segment(file: Path, *, machine: datetime, legal: datetime, rate: float, until: datetime) -> None:
    """Drive a scaled clock: from `machine` on, legal time is `legal` and runs at `rate` to `until`, where it waits."""
    row = {"machine": machine.isoformat(), "legal": legal.isoformat(), "rate": rate, "until": until.isoformat()}
    with file.open("a") as lines:
        lines.write(json.dumps(row) + "\n")


def from_now_on(file: Path, *, legal: datetime, rate: float, until: datetime) -> None:
    """Append a segment that begins with the machine's next millisecond.

    Brokers' timestamps are whole milliseconds: what one has stamped before this call keeps the legal time that it had.
    """
    before = machine_now()
    while (machine := machine_now()) <= before:
        pass
    append_segment(file, machine=machine, legal=legal, rate=rate, until=until)


def make_legal_time(file: Path | None) -> LegalTime:
    """The clock that the settings ask for."""
    return ScaledTime(file) if file else LegalTime()
