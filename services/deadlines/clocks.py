"""A clock and its ladder: when a limit ends, and which rung comes next. Pure; `domain.py` moves clocks by events.

A clock keeps the rule set, the calendar version and the count by which it was opened, so that "why is it due that day?"
has an answer for as long as the case is kept.
"""

import itertools
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict

from schemas.values import RuleName
from services.deadlines.law import Count, Law
from services.deadlines.workdays import CalendarEnds, WorkDays
from services.errors import GiveUp
from services.packs import Rule, RuleSet, Unit

Kind = Literal["warning", "overdue", "progress"]


class Rung(BaseModel):
    """One step of a clock's ladder: what happens at which legal instant. `number` is days before, or times after."""

    model_config = ConfigDict(frozen=True)
    kind: Kind
    at: datetime
    number: int


class Clock(BaseModel):
    """A limit that runs, or ran, for one agency."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    id: str
    rule: RuleName
    agency: str
    state: Literal["open", "met", "cancelled"] = "open"
    rule_set: str
    revision: int = 1
    calendar_version: str
    started_at: datetime
    limit: int
    unit: Literal["working_days", "days", "hours"]
    due_at: datetime
    due_date: str
    explanation: str
    overdue: bool = False
    # How often a correction has let the ladder begin anew, each time with facts of its own.
    moves: int = 0
    next_rung: Rung | None = None

    @property
    def count(self) -> Count:
        """By what it was counted."""
        return Count(self.calendar_version, self.rule_set, self.revision)


class Case(BaseModel):
    """All clocks of one feedback, and when the next of their rungs is due."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    feedback_id: str
    code: str
    category: str
    agency: str
    submitted_at: datetime
    partition: int
    clocks: tuple[Clock, ...] = ()

    @property
    def next_fire_at(self) -> datetime | None:
        """The earliest instant at which a rung is due; none when nothing runs."""
        return min((clock.next_rung.at for clock in self.clocks if clock.next_rung), default=None)

    @property
    def running(self) -> list[str]:
        """The open clocks as `rule:open` or `rule:late`, for counting."""
        return sorted(f"{clock.rule}:{'late' if clock.overdue else 'open'}" for clock in self.clocks if clock.state == "open")

    @property
    def counted_by(self) -> list[str]:
        """By what the open clocks were counted, for finding those that are to be counted again."""
        return sorted({str(clock.count) for clock in self.clocks if clock.state == "open"})


def due(days: WorkDays, at: datetime, limit: int, unit: Unit) -> tuple[datetime, date]:
    """When a limit that starts at `at` ends: the first instant that is too late, in UTC, and the last local day.

    Raises CalendarEnds where the calendar does not know the days. Law: Civil Code 2015, Articles 147 and 148.
    """
    start = days.local_day(at)
    match unit:
        case "working_days":
            due_date = days.add(start, limit)
        case "days":
            due_date = days.at_or_after(start + timedelta(days=limit))
        case "hours":
            # In UTC, since a local hour may come twice or not at all. A limit that ends at 24:00 ends on the day before.
            due_at = at.astimezone(UTC) + timedelta(hours=limit)
            return due_at, days.local_day(due_at - timedelta(microseconds=1))
    return days.end_of(due_date), due_date


def explanation(days: WorkDays, at: datetime, limit: int, unit: Unit, due_date: date) -> str:
    """The count in one line, in figures that any language reads, with the days out of the ordinary and their reasons."""
    start = days.local_day(at)
    unusual = days.unusual(start, due_date)
    listed = "; " + ", ".join(f"{day:%d/%m} {reason}" for day, reason in unusual) if unusual else ""
    return f"{start:%d/%m/%Y} + {limit} {unit} = {due_date:%d/%m/%Y}{listed}"


def open_clock(law: Law, case: Case, rule: Rule, rule_set: RuleSet, at: datetime, *, id: str, name: RuleName) -> Clock:
    """A clock of `rule` for the case's agency, counted from the local day of `at`. Raises GiveUp where the calendar ends."""
    limit = law.pack.limit(rule, case.category, case.agency)
    unit = rule.limit.unit
    try:
        due_at, due_date = due(law.days, at, limit, unit)
    except CalendarEnds as error:
        raise GiveUp("missing_rule_set", str(error)) from None
    clock = Clock(
        id=id,
        rule=name,
        agency=case.agency,
        rule_set=rule_set.id,
        revision=rule_set.revision,
        calendar_version=law.days.calendar.version,
        started_at=at,
        limit=limit,
        unit=unit,
        due_at=due_at,
        due_date=due_date.isoformat(),
        explanation=explanation(law.days, at, limit, unit, due_date),
    )
    return with_next_rung(law, rule, clock, after=at)


def ladder(days: WorkDays, rule: Rule, clock: Clock) -> Iterator[Rung]:
    """Every rung of a clock in order: warnings, overdue, and the progress duties as far as the calendar reaches."""
    due_date = date.fromisoformat(clock.due_date)
    for number in sorted(rule.warn_before, reverse=True):
        try:
            at = days.start_of(days.before(due_date, number))
        except CalendarEnds:
            # The day lies before the calendar begins, so it is past anyway.
            continue
        if at < clock.due_at:
            yield Rung(kind="warning", at=at, number=number)
    if rule.missed != "overdue":
        return
    yield Rung(kind="overdue", at=clock.due_at, number=0)
    if rule.progress_every is None:
        return
    for number in itertools.count(1):
        try:
            if rule.progress_every.unit == "days":
                # A last day that is off moves to the next working day here too (Civil Code 2015, Article 148(5)).
                day = days.at_or_after(due_date + timedelta(days=rule.progress_every.n * number))
            else:
                day = days.add(due_date, rule.progress_every.n * number)
        except CalendarEnds:
            # Nothing is guessed: the duty goes on when the calendar does.
            return
        yield Rung(kind="progress", at=days.end_of(day), number=number)


def with_next_rung(law: Law, rule: Rule, clock: Clock, after: datetime) -> Clock:
    """The clock with the first rung of its ladder that lies after `after`; an overdue that was not fired is never left out."""
    days = law.calendar(clock.calendar_version) or law.days
    coming = (rung for rung in ladder(days, rule, clock) if (not clock.overdue if rung.kind == "overdue" else rung.at > after))
    return clock.model_copy(update={"next_rung": next(coming, None)})
