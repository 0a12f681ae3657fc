"""Working days of a pack's calendar: which days are worked, and the last day of a limit. Pure.

Day 0, the local day of the event at whatever hour, is not counted (Civil Code 2015, Article 147); the last day counts in
full, to 24:00 (Article 148). A Saturday that is worked in exchange for a day off is a working day like any other.
"""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import NamedTuple
from zoneinfo import ZoneInfo

from pakn.packs.models import WEEKDAYS, Calendar, DayOff, WorkingDay


class CalendarEnds(LookupError):
    """The calendar does not know the days that a limit needs. Nothing is guessed: the pack needs another year."""


class Day(NamedTuple):
    """A day of a count. `number` is none for a day off; `entry` is what the calendar says of a day out of the ordinary."""

    date: date
    number: int | None
    kind: str
    entry: DayOff | WorkingDay | None


@dataclass(frozen=True)
class WorkDays:
    """A calendar as a sorted table of working days, built once; each due date is two look-ups in it."""

    calendar: Calendar

    @cached_property
    def zone(self) -> ZoneInfo:
        """The zone in which local days begin and end."""
        return ZoneInfo(self.calendar.timezone)

    @cached_property
    def _entries(self) -> dict[int, DayOff | WorkingDay]:
        entries: list[DayOff | WorkingDay] = []
        for year in self.calendar.years:
            entries += year.days_off
            entries += year.working_days
        return {entry.date.toordinal(): entry for entry in entries}

    @cached_property
    def _ordinals(self) -> list[int]:
        worked = {(WEEKDAYS.index(name) + 1) % 7 for name in WEEKDAYS if name not in self.calendar.weekend}
        days: list[int] = []
        for year in sorted(row.year for row in self.calendar.years):
            known = range(date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal() + 1)
            of_year = {ordinal for ordinal in known if ordinal % 7 in worked}
            for ordinal, entry in self._entries.items():
                if ordinal in known:
                    (of_year.add if isinstance(entry, WorkingDay) else of_year.discard)(ordinal)
            days += sorted(of_year)
        return days

    @cached_property
    def _known(self) -> tuple[int, int]:
        years = [row.year for row in self.calendar.years]
        return date(min(years), 1, 1).toordinal(), date(max(years), 12, 31).toordinal()

    def counts_like(self, other: "WorkDays") -> bool:
        """Whether both calendars give the same result for every count. Names and sources of days may differ."""
        return (self.zone, self._known, self._ordinals) == (other.zone, other._known, other._ordinals)

    @property
    def ends(self) -> datetime:
        """The instant, in UTC, at which the calendar's last day has ended."""
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
        """The `count`-th working day before `day` (count >= 1). Raises CalendarEnds before the calendar."""
        index = self._index_after(day) - self.is_working_day(day) - count
        if index < 0:
            raise CalendarEnds(f"calendar {self.calendar.version} begins after {count} working days before {day}")
        return date.fromordinal(self._ordinals[index])

    def at_or_after(self, day: date) -> date:
        """`day` if it is worked, otherwise the next working day (Civil Code 2015, Article 148(5)). Raises CalendarEnds."""
        return day if self.is_working_day(day) else self.add(day, 1)

    def unusual(self, start: date, end: date) -> list[DayOff | WorkingDay]:
        """The calendar's entries for days after `start` up to `end`: days off and worked weekend days, no plain weekends."""
        ordinals = range(start.toordinal() + 1, end.toordinal() + 1)
        return [self._entries[ordinal] for ordinal in ordinals if ordinal in self._entries]

    def count(self, start: date, end: date) -> list[Day]:
        """Every day after `start` up to `end`; working days are numbered from 1. Raises CalendarEnds outside the calendar."""
        days: list[Day] = []
        number = 0
        for ordinal in range(start.toordinal() + 1, end.toordinal() + 1):
            day, entry = date.fromordinal(ordinal), self._entries.get(ordinal)
            worked = self.is_working_day(day)
            number += worked
            kind = entry.kind if entry else "working_day" if worked else "weekend"
            days.append(Day(day, number if worked else None, kind, entry))
        return days

    def local_day(self, moment: datetime) -> date:
        """The local day of an instant."""
        return moment.astimezone(self.zone).date()

    def start_of(self, day: date) -> datetime:
        """00:00 local time of `day`, in UTC."""
        return datetime.combine(day, time(), self.zone).astimezone(UTC)

    def end_of(self, day: date) -> datetime:
        """24:00 local time of `day`, in UTC: the first instant that is too late."""
        return self.start_of(day + timedelta(days=1))
