"""Working days of a pack's calendar: which days are worked, and the last day of a limit. Pure; the law and its clocks call it.

Day 0, the local day of the event at whatever hour, is not counted (Civil Code 2015, Article 147); the last day counts in
full, to 24:00 (Article 148). Saturdays that are worked in exchange for a day off are working days like any other.
"""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import NamedTuple
from zoneinfo import ZoneInfo

from pakn.packs.load import Calendar


class CalendarEnds(LookupError):
    """The calendar does not know the days that a limit needs: nothing is guessed, the pack needs another year."""


class Day(NamedTuple):
    """A day of a count: its number where it counts, otherwise none; `kind` and `reason` say why, `source` by which document."""

    date: date
    number: int | None
    kind: str
    reason: str
    source: str


@dataclass(frozen=True)
class WorkDays:
    """A calendar as a sorted table of working days, built once; each due date is two look-ups in it."""

    calendar: Calendar

    @cached_property
    def zone(self) -> ZoneInfo:
        """The zone in which local days begin and end."""
        return ZoneInfo(self.calendar.timezone)

    @cached_property
    def _off(self) -> dict[int, str]:
        return {day.date.toordinal(): day.name for year in self.calendar.years for day in year.days_off}

    @cached_property
    def _unusual(self) -> dict[int, str]:
        worked = {day.date.toordinal(): f"worked for {day.for_:%d/%m}" for year in self.calendar.years for day in year.working_days}
        return self._off | worked

    @cached_property
    def _ordinals(self) -> list[int]:
        weekend = {
            ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday").index(d) for d in self.calendar.weekend
        }
        worked = {day.date.toordinal() for year in self.calendar.years for day in year.working_days}
        days: list[int] = []
        for year in sorted(row.year for row in self.calendar.years):
            for ordinal in range(date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal() + 1):
                weekday = (ordinal + 6) % 7
                if (weekday not in weekend and ordinal not in self._off) or ordinal in worked:
                    days.append(ordinal)
        return days

    @cached_property
    def _known(self) -> tuple[int, int]:
        years = [row.year for row in self.calendar.years]
        return date(min(years), 1, 1).toordinal(), date(max(years), 12, 31).toordinal()

    def counts_like(self, other: "WorkDays") -> bool:
        """Whether each count comes out alike by both: names and sources of days may differ."""
        return (self.zone, self._known, self._ordinals) == (other.zone, other._known, other._ordinals)

    @property
    def ends(self) -> datetime:
        """The instant, in UTC, from which on the calendar knows no day."""
        return self.end_of(date.fromordinal(self._known[1]))

    def _index_after(self, day: date) -> int:
        ordinal = day.toordinal()
        first, last = self._known
        if not first - 1 <= ordinal <= last:
            raise CalendarEnds(f"calendar {self.calendar.version} does not know {day}")
        return bisect_right(self._ordinals, ordinal)

    def is_working_day(self, day: date) -> bool:
        """Whether `day` is worked. Raises CalendarEnds outside the calendar."""
        index = self._index_after(day)
        return index > 0 and self._ordinals[index - 1] == day.toordinal()

    def add(self, day: date, count: int) -> date:
        """The `count`-th working day after `day` (count >= 1). Raises CalendarEnds beyond the calendar."""
        index = self._index_after(day) + count - 1
        if index >= len(self._ordinals):
            raise CalendarEnds(f"calendar {self.calendar.version} ends before {count} working days after {day}")
        return date.fromordinal(self._ordinals[index])

    def before(self, day: date, count: int) -> date:
        """The `count`-th working day before `day`. Raises CalendarEnds before the calendar."""
        index = self._index_after(day) - self.is_working_day(day) - count
        if index < 0:
            raise CalendarEnds(f"calendar {self.calendar.version} begins after {count} working days before {day}")
        return date.fromordinal(self._ordinals[index])

    def at_or_after(self, day: date) -> date:
        """`day` if it is worked, otherwise the next working day (Civil Code 2015, Article 148(5))."""
        return day if self.is_working_day(day) else self.add(day, 1)

    def unusual(self, start: date, end: date) -> list[tuple[date, str]]:
        """The days off and the weekend days worked (not plain weekends) after `start` up to `end`, each with its reason."""
        ordinals = range(start.toordinal() + 1, end.toordinal() + 1)
        return [(date.fromordinal(ordinal), self._unusual[ordinal]) for ordinal in ordinals if ordinal in self._unusual]

    def local_day(self, moment: datetime) -> date:
        """The local day of an instant."""
        return moment.astimezone(self.zone).date()

    def count(self, start: date, end: date) -> list[Day]:
        """Every day after `start` up to `end`, with its number where it counts and the reason where it is out of the ordinary."""
        off = {day.date: day for year in self.calendar.years for day in year.days_off}
        worked = {day.date: day for year in self.calendar.years for day in year.working_days}
        days: list[Day] = []
        number = 0
        for ordinal in range(start.toordinal() + 1, end.toordinal() + 1):
            day = date.fromordinal(ordinal)
            if swap := worked.get(day):
                number += 1
                days.append(Day(day, number, swap.kind, f"{day:%d/%m} worked {day:%A} for {swap.for_:%d/%m}", swap.source))
            elif self.is_working_day(day):
                number += 1
                days.append(Day(day, number, "working_day", "", ""))
            elif holiday := off.get(day):
                days.append(Day(day, None, holiday.kind, holiday.name, holiday.source))
            else:
                days.append(Day(day, None, "weekend", f"{day:%A}", ""))
        return days

    def start_of(self, day: date) -> datetime:
        """00:00 local time of `day`, in UTC."""
        return datetime.combine(day, time(), self.zone).astimezone(UTC)

    def end_of(self, day: date) -> datetime:
        """24:00 local time of `day`, in UTC: the first instant that is too late."""
        return self.start_of(day + timedelta(days=1))
