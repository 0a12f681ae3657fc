"""How many due dates a second the working-day table gives, in one process."""

import time
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice

from pakn.packs.load import load_pack
from services.deadlines.law.workdays import WorkDays

_LIMITS = (1, 2, 3, 5, 10, 15, 20, 30, 60)


def due_dates(pack: str, runs: int, count: int = 300_000) -> dict[str, list[float]]:
    """Due dates a second, for each run: the date alone, and with its instants (from the event's local day to 24:00 of the last)."""
    days = WorkDays(load_pack(pack).calendar)
    year = min(row.year for row in days.calendar.years)
    moments = [datetime(year, 1, 5, tzinfo=UTC) + timedelta(hours=7 * step) for step in range(1200)]
    wanted = list(islice(zip(cycle(moments), cycle(_LIMITS), strict=False), count))
    dates = [(days.local_day(moment), limit) for moment, limit in wanted]
    days.add(*dates[0])  # The table is built once, before the clock starts.
    rates: dict[str, list[float]] = {"date only": [], "instant to instant": []}
    for _ in range(runs):
        started = time.perf_counter()
        for day, limit in dates:
            days.add(day, limit)
        between = time.perf_counter()
        for moment, limit in wanted:
            days.end_of(days.add(days.local_day(moment), limit))
        rates["date only"].append(count / (between - started))
        rates["instant to instant"].append(count / (time.perf_counter() - between))
    return rates
