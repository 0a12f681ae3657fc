"""Answers "why is it due that day?": the due instant, the law it stands on, and every counted and skipped day. Pure.

`pakn due` asks for a date that nobody has yet; `api.py` asks for the clocks of a feedback.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from pakn.packs.load import NoRuleSet, RuleSet, Unit
from services.deadlines.clocks.clock import Clock, due, standing
from services.deadlines.law.known import Law
from services.deadlines.law.workdays import CalendarEnds, WorkDays

Explained = dict[str, Any]


class CannotCount(ValueError):
    """No due date can be given; the text says what is missing and what to do. Nothing is guessed."""


@dataclass(frozen=True, slots=True)
class Question:
    """A rule and a start; category and agency where a pack shortens limits by them."""

    rule: str
    start: datetime
    category: str = ""
    agency: str = ""


def answer(law: Law, question: Question) -> Explained:
    """The due date that a clock opened at `start` would have. Raises CannotCount."""
    day = law.days.local_day(question.start)
    try:
        rule_set = law.rule_set_on(day, law.days.start_of(day))
    except NoRuleSet as error:
        raise CannotCount(f"{error}; add a rule set to rules.yaml") from None
    rule = rule_set.rules.get(question.rule)  # type: ignore[call-overload]
    if rule is None:
        raise CannotCount(f"rule set {rule_set.id} has no rule {question.rule!r}; it has: {', '.join(rule_set.rules)}")
    limit = law.pack.limit(rule, question.category, question.agency)
    try:
        due_at, due_date = due(law.days, question.start, limit, rule.limit.unit)
    except CalendarEnds as error:
        raise CannotCount(f"{error}; add the year to calendar.yaml") from None
    return {
        "rule": question.rule,
        "start": question.start.isoformat(),
        "limit": limit,
        "unit": rule.limit.unit,
        "measured_as": rule.measured_as,
        "due_date": due_date.isoformat(),
        "due_at": due_at.astimezone(law.days.zone).isoformat(),
        **_law(law, rule_set, question.rule),
        "calendar_version": law.days.calendar.version,
        "provisional": _provisional(law.days, day, due_date),
        "days": _days(law.days, question.start, due_date.isoformat(), limit, rule.limit.unit),
    }


def explain_clocks(law: Law, clocks: Sequence[Clock]) -> list[Explained]:
    """Each clock of a feedback with its count by the calendar that it was counted by. Raises TryAgain where it is not known yet."""
    return [_explain_clock(law, clock) for clock in clocks]


def _explain_clock(law: Law, clock: Clock) -> Explained:
    said = {
        "clock_id": clock.id,
        "rule": clock.rule,
        "agency": clock.agency,
        "state": standing(clock),
        "start": clock.started_at.astimezone(law.days.zone).isoformat(),
        "limit": clock.limit,
        "unit": clock.unit,
        **_law(law, law.rule_set(clock.rule_set, clock.revision), clock.rule),
        "calendar_version": clock.calendar_version,
    }
    if clock.due_at is None or clock.due_date is None:
        then = "it is counted when a longer one is applied" if clock.state == "open" else "it was closed before it could be counted"
        why = f"calendar {clock.calendar_version} ends before its last day; {then}"
        return said | {"due_date": None, "due_at": None, "provisional": False, "explanation": why, "days": []}
    days = law.calendar(clock.calendar_version)
    return said | {
        "due_date": clock.due_date,
        "due_at": clock.due_at.astimezone(law.days.zone).isoformat(),
        "provisional": _provisional(days, law.days.local_day(clock.started_at), date.fromisoformat(clock.due_date)),
        "explanation": clock.explanation,
        "days": _days(days, clock.started_at, clock.due_date, clock.limit, clock.unit),
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
    """Whether the count goes through a year of which the days off are estimates."""
    return any(year.provisional for year in days.calendar.years if start.year <= year.year <= end.year)


def _days(days: WorkDays, start: datetime, due_date: str, limit: int, unit: Unit) -> list[Explained]:
    """Every day after the start, with its number where it counts: working days, or all days up to the limit; of hours none."""
    said: list[Explained] = []
    for index, day in enumerate(days.count(days.local_day(start), date.fromisoformat(due_date)), start=1):
        counted = day.number if unit == "working_days" else index if unit == "days" and index <= limit else None
        said.append(
            {"date": day.date.isoformat(), "counted": counted, "kind": day.kind, "reason": day.reason, "source": day.source}
        )
    return said
