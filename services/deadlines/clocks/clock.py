"""A clock: a limit that runs for one agency, when it ends, and by which law it was counted. Pure.

A clock keeps the rule set, the calendar version and the count by which it was opened, so that "why is it due that day?"
has an answer for as long as the case is kept.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict

from pakn.packs.load import Moment, Rule, RuleSet, Unit
from schemas.values import RuleName
from services.deadlines.law.known import Count, Law
from services.deadlines.law.workdays import CalendarEnds, WorkDays

Kind = Literal["warning", "overdue", "progress"]


class Rung(BaseModel):
    """One step of a clock's ladder: what happens at which legal instant. `number` is days before, or times after."""

    model_config = ConfigDict(frozen=True)
    kind: Kind
    at: datetime
    number: int


class Moved(BaseModel):
    """A correction at the legal instant `at`, before which `due_at` was the end of the last day."""

    model_config = ConfigDict(frozen=True)
    at: datetime
    due_at: datetime


class Clock(BaseModel):
    """A limit that runs, or ran, for one agency.

    One that no calendar reaches yet has no due day: nobody is told of it until it has been counted.
    """

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
    due_at: datetime | None = None
    due_date: str | None = None
    explanation: str = ""
    moved: tuple[Moved, ...] = ()
    overdue: bool = False
    # The number of the last progress duty that it was told of.
    progress: int = 0
    # How often a correction has let the ladder begin anew, each time with facts of its own.
    ladders: int = 0
    # The legal instant of what was last told of it, before which nothing more can be told.
    told_at: datetime
    next_rung: Rung | None = None

    def due_by_what_was_known(self, at: datetime) -> datetime | None:
        """The end of the last day as it was known at an instant, for what comes late; none where it was not counted."""
        return next((moved.due_at for moved in self.moved if at < moved.at), self.due_at)

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
    # When each moment of the law last was, for an event that comes after later ones, as a dead letter that is posted again.
    moments: dict[Moment, datetime] = {}

    @property
    def next_fire_at(self) -> datetime | None:
        """The earliest instant at which a rung is due; none when nothing runs."""
        return min((clock.next_rung.at for clock in self.clocks if clock.next_rung), default=None)

    @property
    def running(self) -> list[str]:
        """The open clocks as `rule:open`, `rule:late` or `rule:uncounted`, for counting."""
        return sorted(f"{clock.rule}:{standing(clock)}" for clock in self.clocks if clock.state == "open")

    @property
    def counted_by(self) -> list[str]:
        """By what the open clocks were counted, for finding those that are to be counted again."""
        return sorted({str(clock.count) for clock in self.clocks if clock.state == "open"})


def standing(clock: Clock) -> str:
    """How a clock stands: its state, and of an open one whether it is late or could not be counted yet."""
    if clock.state != "open":
        return clock.state
    return "uncounted" if clock.due_at is None else "late" if clock.overdue else "open"


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
            due_date = days.local_day(due_at - timedelta(microseconds=1))
            # Hours need no calendar, but the warnings before their end do.
            days.is_working_day(due_date)
            return due_at, due_date
    return days.end_of(due_date), due_date


def explanation(days: WorkDays, at: datetime, limit: int, unit: Unit, due_date: date) -> str:
    """The count in one line, in figures that any language reads, with the days out of the ordinary and their reasons."""
    start = days.local_day(at)
    unusual = days.unusual(start, due_date)
    listed = "; " + ", ".join(f"{day:%d/%m} {reason}" for day, reason in unusual) if unusual else ""
    return f"{start:%d/%m/%Y} + {limit} {unit} = {due_date:%d/%m/%Y}{listed}"


def open_clock(law: Law, case: Case, rule_set: RuleSet, name: RuleName, starts_at: datetime, known_at: datetime, id: str) -> Clock:
    """A clock of a rule for the case's agency, to be counted from the local day of `starts_at` by the law known at `known_at`.

    Its ladder is still to be set. It stays uncounted where no calendar known then reaches its last day.
    """
    rule = rule_set.rules[name]
    clock = Clock(
        id=id,
        rule=name,
        agency=case.agency,
        rule_set=rule_set.id,
        revision=rule_set.revision,
        calendar_version=law.calendar_at(known_at).calendar.version,
        started_at=starts_at,
        limit=law.pack.limit(rule, case.category, case.agency),
        unit=rule.limit.unit,
        told_at=starts_at,
    )
    return counted(law, case, clock, law.calendar_at(known_at), rule_set) or clock


def counted(law: Law, case: Case, clock: Clock, days: WorkDays, rule_set: RuleSet) -> Clock | None:
    """The clock with its due day by this calendar and this rule set; none where the calendar does not reach it."""
    rule = rule_set.rules[clock.rule]
    limit = law.pack.limit(rule, case.category, clock.agency)
    try:
        due_at, due_date = due(days, clock.started_at, limit, rule.limit.unit)
    except CalendarEnds:
        return None
    return clock.model_copy(
        update={
            "rule_set": rule_set.id,
            "revision": rule_set.revision,
            "calendar_version": days.calendar.version,
            "limit": limit,
            "unit": rule.limit.unit,
            "due_at": due_at,
            "due_date": due_date.isoformat(),
            "explanation": explanation(days, clock.started_at, limit, rule.limit.unit, due_date),
        }
    )


def rule_of(law: Law, clock: Clock) -> Rule:
    """The rule that a clock goes by."""
    return law.rule_set(clock.rule_set, clock.revision).rules[clock.rule]
