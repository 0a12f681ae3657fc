"""Due days in a table that can be read and checked without code, each counted three times.

`vectors/due_date_vectors.csv` has one case a line: start, limit, unit, due day, and why the case is interesting. The slow
count of `tests/support/day_by_day.py` and the code have to agree with it. `domain.md 6.4` as the source marks the twelve
published examples.
"""

import csv
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple, cast

import pytest

from schemas.values import Unit
from services.deadlines.clocks import clock, explain
from services.deadlines.law.known import Law
from tests.support.clock_story import LAW, corrected
from tests.support.day_by_day import ANNOUNCED, OFF, WORKED, ZONE, is_worked, last_day, too_late_from

DAY = timedelta(days=1)
FILE = Path(__file__).parent / "vectors" / "due_date_vectors.csv"
PUBLISHED = "domain.md 6.4"


def slow_due_day(start: datetime, limit: int, unit: Unit) -> date:
    """The last day of a limit, counted one hour or one day after the other."""
    if unit == "hours":
        return (start + timedelta(hours=limit)).astimezone(ZONE).date()
    return last_day(start.astimezone(ZONE).date(), limit, unit)


class Vector(NamedTuple):
    """One line of the file. A `start` without an hour means nine o'clock, since the hour makes no difference."""

    start: datetime
    limit: int
    unit: Unit
    due: date
    source: str
    why: str

    @property
    def start_day(self) -> date:
        """Day 0, which is not counted."""
        return self.start.astimezone(ZONE).date()

    @property
    def unusual(self) -> set[date]:
        """The weekdays off and Saturdays worked that the count goes through."""
        return {day for day in OFF | WORKED if self.start_day < day <= self.due}

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%dT%H:%M:%S%z}+{self.limit}_{self.unit}"


def moment(text: str) -> datetime:
    """The instant that a line of the file means."""
    start = datetime.fromisoformat(text)
    return start if start.tzinfo else datetime.combine(start.date(), datetime.min.time().replace(hour=9), ZONE)


with FILE.open(encoding="utf-8", newline="") as rows:
    VECTORS = [
        Vector(moment(start), int(limit), cast(Unit, unit), date.fromisoformat(due), source, why)
        for start, limit, unit, due, source, why in islice(csv.reader(rows), 1, None)
    ]


@cache
def law_of(limit: int, unit: Unit) -> Law:
    """The national law with this limit for the reply, in force since the day before the calendar begins."""
    first, *rest = LAW.pack.rule_sets
    first = first.model_copy(update={"effective": first.effective.model_copy(update={"from_": date(2020, 12, 31)})})
    return corrected(Law.of(LAW.pack.model_copy(update={"rule_sets": (first, *rest)})), n=limit, unit=unit)


def answer(vector: Vector) -> explain.Explained:
    """What the code says to whoever asks."""
    return explain.answer(law_of(vector.limit, vector.unit), "handle_reply", vector.start)


def test_the_typed_days_off_make_the_published_number_of_working_days_a_year() -> None:
    days = [date(2021, 1, 1) + n * DAY for n in range((date(2027, 1, 1) - date(2021, 1, 1)).days)]
    assert [sum(is_worked(day) for day in days if day.year == year) for year in ANNOUNCED] == [250, 249, 249, 251, 250, 249]
    assert all(day.isoweekday() <= 5 for day in OFF)
    assert all(day.isoweekday() == 6 for day in WORKED)


@pytest.mark.parametrize("vector", VECTORS, ids=str)
def test_a_due_day_is_the_same_in_the_table_by_the_slow_count_and_by_the_code(vector: Vector) -> None:
    assert slow_due_day(vector.start, vector.limit, vector.unit) == vector.due
    due_at, due_day = clock.due(LAW.days, vector.start, vector.limit, vector.unit)
    assert due_day == vector.due
    if vector.unit == "hours":
        assert due_at == vector.start + timedelta(hours=vector.limit)
    else:
        assert due_at == too_late_from(vector.due)


@pytest.mark.parametrize("year", sorted({vector.start_day.year for vector in VECTORS}))
def test_the_explanation_of_a_due_day_names_every_day_of_the_count(year: int) -> None:
    for vector in (vector for vector in VECTORS if vector.start_day.year == year):
        said = answer(vector)
        assert (said["due_date"], said["limit"], said["unit"]) == (vector.due.isoformat(), vector.limit, vector.unit), vector
        assert datetime.fromisoformat(said["due_at"]) == clock.due(LAW.days, vector.start, vector.limit, vector.unit)[0], vector
        assert said["provisional"] == (vector.due.year > max(ANNOUNCED)), vector
        days = {date.fromisoformat(day["date"]): day for day in said["days"]}
        assert list(days) == [vector.start_day + n * DAY for n in range(1, (vector.due - vector.start_day).days + 1)], vector
        weekend = [day for day in days if day.isoweekday() > 5 and day not in WORKED]
        assert [day for day in days if days[day]["kind"] == "weekend"] == weekend, vector
        assert {day for day in days if days[day]["source"]} == vector.unusual, "a day out of the ordinary has its document"
        counted = {day: row["counted"] for day, row in days.items() if row["counted"]}
        if vector.unit != "hours":
            assert list(counted.values()) == list(range(1, vector.limit + 1)), "up to the limit, without days added at its end"
        if vector.unit == "working_days":
            assert list(counted) == [day for day in days if is_worked(day)], vector


def test_hours_that_end_at_midnight_have_the_day_before_as_their_last() -> None:
    start = datetime(2026, 3, 2, tzinfo=ZONE)
    assert clock.due(LAW.days, start, 24, "hours") == (datetime(2026, 3, 2, 17, tzinfo=UTC), date(2026, 3, 2))


def test_the_table_covers_what_it_is_for() -> None:
    """A case that is taken out is missed here: every day off, every exchange, each limit and the kinds of start."""
    assert len(set(VECTORS)) == len({str(vector) for vector in VECTORS}) == len(VECTORS) >= 242
    assert all(vector.why for vector in VECTORS)
    assert sum(vector.source == PUBLISHED for vector in VECTORS) == 12
    crossed = {day for vector in VECTORS for day in vector.unusual if vector.unit == "working_days"}
    assert {day for day in OFF | WORKED if day.year in ANNOUNCED} <= crossed
    assert {vector.limit for vector in VECTORS if vector.unit == "working_days"} >= {1, 2, 5, 7, 15, 30}
    assert {vector.limit for vector in VECTORS if vector.unit == "days"} >= {1, 2, 5, 7, 15, 30}
    starts = {vector.start_day for vector in VECTORS}
    assert starts >= WORKED, "a start on each Saturday that is worked"
    assert {day.year for day in starts & OFF} >= set(ANNOUNCED), "a start on a day off in each year"
    assert {vector.due for vector in VECTORS} >= WORKED, "a limit that ends on each Saturday that is worked"
    assert {f"{vector.start.astimezone(ZONE):%H:%M:%S}" for vector in VECTORS} >= {"00:00:00", "23:59:59", "09:00:00"}
    assert any(vector.start.astimezone(UTC).date() != vector.start_day for vector in VECTORS)
