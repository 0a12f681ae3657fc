"""Working days: the slow count over single days, and a second opinion from a library."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.deadlines.law.workdays import CalendarEnds, WorkDays
from tests.support.day_by_day import OFF, WORKED, is_worked, last_day
from tests.support.packs import VN

DAYS = WorkDays(VN.calendar)
# So far inside the calendar that no limit of the examples leaves it.
INSIDE = st.dates(date(2021, 1, 1), date(2027, 8, 1))
LIMITS = st.integers(1, 60)


def test_the_calendar_of_the_pack_has_the_days_that_were_announced() -> None:
    assert {day.date for year in VN.calendar.years for day in year.days_off} == OFF
    assert {day.date for year in VN.calendar.years for day in year.working_days} == WORKED


@given(INSIDE, LIMITS)
def test_a_due_day_is_the_one_that_counting_single_days_gives(start: date, count: int) -> None:
    due = DAYS.add(start, count)
    assert due == last_day(start, count)
    assert DAYS.is_working_day(due)
    assert DAYS.add(start, count + 1) > due


@given(st.dates(date(2021, 6, 1), date(2027, 8, 1)), LIMITS)
def test_counting_back_from_a_due_day_comes_to_where_counting_forth_began(start: date, count: int) -> None:
    due = DAYS.add(start, count)
    back = DAYS.before(due, count)
    assert back <= start
    assert DAYS.add(back, count) == due


def test_the_working_day_before_a_day_off_is_the_last_one_before_it() -> None:
    assert DAYS.before(date(2026, 3, 14), 1) == DAYS.before(date(2026, 3, 15), 1) == date(2026, 3, 13)


@given(INSIDE)
def test_the_next_working_day_is_the_day_itself_or_the_first_worked_one_after_it(day: date) -> None:
    found = DAYS.at_or_after(day)
    assert is_worked(found)
    assert not any(is_worked(day + timedelta(days=n)) for n in range((found - day).days))


def test_a_day_outside_the_calendar_is_refused_and_never_guessed() -> None:
    with pytest.raises(CalendarEnds):
        DAYS.add(date(2027, 12, 20), 15)
    with pytest.raises(CalendarEnds):
        DAYS.add(date(2020, 12, 30), 1)
    with pytest.raises(CalendarEnds):
        DAYS.is_working_day(date(2028, 1, 1))
    with pytest.raises(CalendarEnds):
        DAYS.before(date(2021, 1, 5), 3)


def test_the_last_day_counts_in_full_by_the_local_clock() -> None:
    assert DAYS.end_of(date(2026, 3, 12)) == datetime(2026, 3, 12, 17, 0, tzinfo=UTC)
    assert DAYS.local_day(datetime(2026, 3, 12, 16, 59, 59, tzinfo=UTC)) == date(2026, 3, 12)
    assert DAYS.local_day(datetime(2026, 3, 12, 17, 0, tzinfo=UTC)) == date(2026, 3, 13)


def test_a_day_of_23_hours_ends_where_the_next_one_begins() -> None:
    """On 8 March 2026 clocks in Los Angeles went forward: midnight to midnight is 23 hours."""
    days = WorkDays(VN.calendar.model_copy(update={"timezone": "America/Los_Angeles"}))
    day = date(2026, 3, 8)
    assert days.end_of(day) == days.start_of(date(2026, 3, 9))
    assert days.end_of(day) - days.start_of(day) == timedelta(hours=23)


def test_only_named_days_off_are_given_as_the_reason_of_a_longer_wait() -> None:
    unusual = DAYS.unusual(date(2025, 12, 31), date(2026, 1, 6))
    assert [(entry.date.isoformat(), entry.kind) for entry in unusual] == [("2026-01-01", "holiday"), ("2026-01-02", "swap_off")]
