"""Answers "why is it due that day?" in data and English: the due instant, its law, every counted and skipped day. Pure."""

from datetime import date, datetime
from typing import Any

from pakn.packs.models import RuleSet, WorkingDay
from schemas.day_count import DayCount
from services.deadlines.clocks.clock import Clock, due, standing
from services.deadlines.law.known import Law, NoRuleSet
from services.deadlines.law.workdays import CalendarEnds, Day, WorkDays

Explained = dict[str, Any]


def answer(law: Law, name: str, start: datetime, category: str = "", agency: str = "") -> Explained:
    """The due date of a clock of the rule `name` that opens at `start`; category and agency may shorten it.

    Raises ValueError that says what is missing and what to do.
    """
    day = law.days.local_day(start)
    try:
        rule_set = law.rule_set_on(day, law.days.start_of(day))
    except NoRuleSet as error:
        raise ValueError(f"{error}; add a rule set to rules.yaml") from None
    rule = rule_set.rules.get(name)  # type: ignore[call-overload]
    if rule is None:
        raise ValueError(f"rule set {rule_set.id} has no rule {name!r}; it has: {', '.join(rule_set.rules)}")
    limit = law.pack.limit(rule, category, agency)
    try:
        due_at, due_date = due(law.days, start, limit, rule.limit.unit)
    except CalendarEnds as error:
        raise ValueError(f"{error}; add the year to calendar.yaml") from None
    return {
        "rule": name,
        "start": start.isoformat(),
        "limit": limit,
        "unit": rule.limit.unit,
        "measured_as": rule.measured_as,
        "due_date": due_date.isoformat(),
        "due_at": due_at.astimezone(law.days.zone).isoformat(),
        **_law(law, rule_set, name),
        "calendar_version": law.days.calendar.version,
        "provisional": _provisional(law.days, day, due_date),
        "days": _days(law.days, DayCount(started_on=day, limit=limit, unit=rule.limit.unit), due_date),
    }


def explain_clock(law: Law, clock: Clock) -> Explained:
    """A clock with its count, by the law that it was counted by. Raises TryAgain if that law has still to be read."""
    fields = {
        "clock_id": clock.id,
        "rule": clock.rule,
        "agency": clock.agency,
        "state": standing(clock),
        "start": clock.started_at.astimezone(law.days.zone).isoformat(),
        "limit": clock.count.limit,
        "unit": clock.count.unit,
        **_law(law, law.rule_set(clock.rule_set, clock.revision), clock.rule),
        "calendar_version": clock.calendar_version,
    }
    if clock.due_at is None or clock.due_date is None:
        then = "it is counted when a longer one is applied" if clock.state == "open" else "it was closed before it could be counted"
        why = f"calendar {clock.calendar_version} ends before its last day; {then}"
        return fields | {"due_date": None, "due_at": None, "provisional": False, "explanation": why, "days": []}
    days, due_date = law.calendar(clock.calendar_version), date.fromisoformat(clock.due_date)
    return fields | {
        "due_date": clock.due_date,
        "due_at": clock.due_at.astimezone(law.days.zone).isoformat(),
        "provisional": _provisional(days, clock.count.started_on, due_date),
        "explanation": _in_words(clock.count, due_date),
        "days": _days(days, clock.count, due_date),
    }


def _law(law: Law, rule_set: RuleSet, rule: str) -> Explained:
    article = rule_set.rules[rule].article  # type: ignore[index]
    return {
        "rule_set": rule_set.id,
        "legal_basis": rule_set.legal_basis[law.pack.header.default_language],
        "article": article[law.pack.header.default_language],
        "verified": rule_set.verified,
    }


def _provisional(days: WorkDays, start: date, end: date) -> bool:
    """Whether the count goes through a year whose days off are estimates."""
    return any(year.provisional for year in days.calendar.years if start.year <= year.year <= end.year)


def _in_words(count: DayCount, due_date: date) -> str:
    unusual = ", ".join(f"{day.date} {day.name or f'worked for {day.worked_for}'}" for day in count.unusual)
    return f"{count.started_on} + {count.limit} {count.unit.replace('_', ' ')} = {due_date}{'; ' if unusual else ''}{unusual}"


def _days(days: WorkDays, count: DayCount, due_date: date) -> list[Explained]:
    """Every day after the start, numbered if it counts: working days, or all days up to the limit; for hours none."""
    rows: list[Explained] = []
    for index, day in enumerate(days.count(count.started_on, due_date), start=1):
        in_calendar_days = index if count.unit == "days" and index <= count.limit else None
        counted = day.number if count.unit == "working_days" else in_calendar_days
        source = day.entry.source if day.entry else ""
        rows.append({"date": day.date.isoformat(), "counted": counted, "kind": day.kind, "reason": _reason(day), "source": source})
    return rows


def _reason(day: Day) -> str:
    if day.entry is None:
        return f"{day.date:%A}" if day.kind == "weekend" else ""
    return f"{day.date:%A}, worked for {day.entry.for_}" if isinstance(day.entry, WorkingDay) else day.entry.name
