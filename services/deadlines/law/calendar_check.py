"""Compares a pack's calendar with the `holidays` package, and names coming years that are missing or only estimated. Pure.

The package is a cross-check and never the authority: it learns of an exchange of days only in a later release.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import holidays

from pakn.packs.models import Calendar
from services.deadlines.law.workdays import WorkDays


@dataclass(frozen=True, slots=True)
class Difference:
    """A day that only one of the two calls a working day. `reason` is what the calendar says of a known difference, or none."""

    date: date
    worked_here: bool
    reason: str | None


def differences(calendar: Calendar) -> list[Difference]:
    """Every day of the calendar's years, provisional ones left out, on which the two differ. Empty without `compare_with`.

    Raises NotImplementedError where the package does not know the country or its subdivision.
    """
    compared = calendar.compare_with
    if compared is None:
        return []
    years = [year.year for year in calendar.years if not year.provisional]
    package = holidays.country_holidays(compared.country, subdiv=compared.subdivision, years=years)
    days = WorkDays(calendar)
    reasons = {row.date: row.reason for row in compared.known}
    found: list[Difference] = []
    for year in years:
        day = date(year, 1, 1)
        while day.year == year:
            if (worked := days.is_working_day(day)) != package.is_working_day(day):
                found.append(Difference(day, worked, reasons.get(day)))
            day += timedelta(days=1)
    return found


def coming_years(calendar: Calendar, today: date) -> list[str]:
    """What an operator must do about this year and the next, in which limits that start now may end; empty if nothing."""
    said: list[str] = []
    for wanted in (today.year, today.year + 1):
        year = next((row for row in calendar.years if row.year == wanted), None)
        if year is None:
            said.append(f"{wanted} is missing: no limit that ends in it can be counted; add it")
        elif year.provisional:
            said.append(f"{wanted} is provisional: correct it, and take `provisional` away, when the days off are announced")
    return said
