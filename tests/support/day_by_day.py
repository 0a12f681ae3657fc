"""The oracle of due days: a count from one day to the next, over days off that were typed from the announcements.

Slow, and as simple as the law's own words; it reads no pack and none of the code that it judges.
"""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
_DAY = timedelta(days=1)
# The weekdays off of state bodies, and the Saturdays worked, as day/month.
_OFF = {
    2021: "1/1 10/2 11/2 12/2 15/2 16/2 21/4 30/4 3/5 2/9 3/9",
    2022: "3/1 31/1 1/2 2/2 3/2 4/2 11/4 2/5 3/5 1/9 2/9",
    2023: "2/1 20/1 23/1 24/1 25/1 26/1 1/5 2/5 3/5 1/9 4/9",
    2024: "1/1 8/2 9/2 12/2 13/2 14/2 18/4 29/4 30/4 1/5 2/9 3/9",
    2025: "1/1 27/1 28/1 29/1 30/1 31/1 7/4 30/4 1/5 2/5 1/9 2/9",
    2026: "1/1 2/1 16/2 17/2 18/2 19/2 20/2 27/4 30/4 1/5 31/8 1/9 2/9 24/11",
    # Estimates, not announced yet; New Year's Day is the law's own (Labour Code 2019, Article 112).
    2027: "1/1 4/2 5/2 8/2 9/2 10/2 16/4 30/4 3/5 2/9 3/9 24/11",
}
_WORKED = {2024: "4/5", 2025: "26/4", 2026: "10/1 22/8"}
ANNOUNCED = range(2021, 2027)


def _typed(table: dict[int, str]) -> frozenset[date]:
    return frozenset(date(year, *map(int, reversed(text.split("/")))) for year, row in table.items() for text in row.split())


OFF, WORKED = _typed(_OFF), _typed(_WORKED)


def is_worked(day: date) -> bool:
    """Whether state bodies work on `day`."""
    return day in WORKED or (day.isoweekday() <= 5 and day not in OFF)


def last_day(start: date, limit: int, unit: str = "working_days") -> date:
    """The last day of a limit in `working_days` or `days`; `start` is not counted (Civil Code 2015, Articles 147 and 148)."""
    day = start
    while limit:
        day += _DAY
        limit -= unit == "days" or is_worked(day)
    while not is_worked(day):
        day += _DAY
    return day


def too_late_from(due: date) -> datetime:
    """The first instant after the last day, which counts in full."""
    return datetime.combine(due + _DAY, time(), ZONE)
