"""A clock: a limit that runs for one agency, when it ends, and by which law it was counted. Pure.

A clock keeps the rule set, the calendar version and the days of its count, so that "why is it due that day?" has an
answer for as long as the case is kept.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel, field_serializer

from pakn.packs.models import DayOff, Rule, RuleSet, WorkingDay
from schemas.day_count import DayCount, UnusualDay
from schemas.values import Moment, RuleName, Unit
from services.deadlines.law.known import Law, LawVersion
from services.deadlines.law.workdays import CalendarEnds, WorkDays

Kind = Literal["warning", "overdue", "progress"]


class Rung(BaseModel, frozen=True):
    """What happens to a clock at a legal instant, and how often or how early.

    `number` counts the working days from a warning to the last day, or the progress duties since the limit was missed.
    """

    kind: Kind
    at: datetime
    number: int


class Moved(BaseModel, frozen=True):
    """A correction at the legal instant `at`; until then `due_at` was the end of the last day."""

    at: datetime
    due_at: datetime


class Clock(BaseModel, frozen=True, extra="ignore"):
    """A limit that runs, or ran, for one agency.

    A clock whose last day no calendar reaches yet has no due day. Its one event says so, until it has been counted.
    """

    id: str
    rule: RuleName
    agency: str
    state: Literal["open", "met", "cancelled"] = "open"
    rule_set: str
    revision: int = 1
    calendar_version: str
    started_at: datetime
    count: DayCount
    due_at: datetime | None = None
    due_date: str | None = None
    moved: tuple[Moved, ...] = ()
    overdue: bool = False
    # The number of the last progress duty that was announced.
    progress: int = 0
    # How often a correction has started the ladder again. Each run of the ladder has facts of its own.
    ladder_restarts: int = 0
    # The legal instant of the last event about the clock. No later event may have an earlier time.
    last_event_at: datetime
    next_rung: Rung | None = None

    @field_serializer("count")
    def _count_of_text(self, count: DayCount) -> dict[str, Any]:
        # The database keeps instants, and no dates without a time.
        return count.model_dump(mode="json")

    def due_by_what_was_known(self, at: datetime) -> datetime | None:
        """The end of the last day as it was known at an instant; none for a clock that is not counted."""
        return next((moved.due_at for moved in self.moved if at < moved.at), self.due_at)

    @property
    def law_version(self) -> LawVersion:
        """The version of the law by which the clock was counted."""
        return LawVersion(self.calendar_version, self.rule_set, self.revision)


class Case(BaseModel, frozen=True, extra="ignore"):
    """All clocks of one feedback."""

    feedback_id: str
    code: str
    category: str
    agency: str
    submitted_at: datetime
    partition: int
    clocks: tuple[Clock, ...] = ()
    # When each moment of the law last was. A dead letter that is replayed brings an event after later ones.
    moments: dict[Moment, datetime] = {}

    @property
    def next_fire_at(self) -> datetime | None:
        """The earliest instant at which a rung is due; none if there is none."""
        return min((clock.next_rung.at for clock in self.clocks if clock.next_rung), default=None)

    @property
    def running(self) -> list[str]:
        """Each open clock as `rule:open`, `rule:late` or `rule:uncounted`, sorted."""
        return sorted(f"{clock.rule}:{standing(clock)}" for clock in self.clocks if clock.state == "open")

    @property
    def counted_by(self) -> list[str]:
        """The versions of the law by which the open clocks were counted, as text, sorted."""
        return sorted({str(clock.law_version) for clock in self.clocks if clock.state == "open"})


def standing(clock: Clock) -> str:
    """The state of a clock; for an open one `uncounted`, `late` or `open`."""
    if clock.state != "open":
        return clock.state
    return "uncounted" if clock.due_at is None else "late" if clock.overdue else "open"


def due(days: WorkDays, at: datetime, limit: int, unit: Unit) -> tuple[datetime, date]:
    """When a limit that starts at `at` ends: the first instant that is too late, in UTC, and the last local day.

    Raises CalendarEnds if the calendar does not reach the last day. Law: Civil Code 2015, Articles 147 and 148.
    """
    start = days.local_day(at)
    match unit:
        case "working_days":
            due_date = days.add(start, limit)
        case "days":
            due_date = days.at_or_after(start + timedelta(days=limit))
        case "hours":
            # Hours are added in UTC, since a local hour may come twice or not at all. 24:00 belongs to the day that it ends.
            due_at = at.astimezone(UTC) + timedelta(hours=limit)
            due_date = days.local_day(due_at - timedelta(microseconds=1))
            # Hours need no calendar, but the warnings before their end do: this raises CalendarEnds outside of it.
            days.is_working_day(due_date)
            return due_at, due_date
    return days.end_of(due_date), due_date


def _unusual(entry: DayOff | WorkingDay) -> UnusualDay:
    if isinstance(entry, DayOff):
        return UnusualDay(date=entry.date, kind=entry.kind, name=entry.name)
    return UnusualDay(date=entry.date, kind=entry.kind, worked_for=entry.for_)


def open_clock(law: Law, case: Case, rule_set: RuleSet, name: RuleName, starts_at: datetime, known_at: datetime, id: str) -> Clock:
    """A clock of a rule for the case's agency, counted from the local day of `starts_at` by the law known at `known_at`.

    It has no next rung yet. It is uncounted if no calendar known then reaches its last day.
    """
    rule, days = rule_set.rules[name], law.calendar_at(known_at)
    limit = law.pack.limit(rule, case.category, case.agency)
    clock = Clock(
        id=id,
        rule=name,
        agency=case.agency,
        rule_set=rule_set.id,
        revision=rule_set.revision,
        calendar_version=days.calendar.version,
        started_at=starts_at,
        count=DayCount(started_on=days.local_day(starts_at), limit=limit, unit=rule.limit.unit),
        last_event_at=starts_at,
    )
    return counted(law, case, clock, days, rule_set) or clock


def counted(law: Law, case: Case, clock: Clock, days: WorkDays, rule_set: RuleSet) -> Clock | None:
    """The clock with its due day by this calendar and this rule set; none if the calendar does not reach that day."""
    rule = rule_set.rules[clock.rule]
    limit = law.pack.limit(rule, case.category, clock.agency)
    try:
        due_at, due_date = due(days, clock.started_at, limit, rule.limit.unit)
    except CalendarEnds:
        return None
    started_on = days.local_day(clock.started_at)
    unusual = tuple(map(_unusual, days.unusual(started_on, due_date)))
    return clock.model_copy(
        update={
            "rule_set": rule_set.id,
            "revision": rule_set.revision,
            "calendar_version": days.calendar.version,
            "count": DayCount(started_on=started_on, limit=limit, unit=rule.limit.unit, unusual=unusual),
            "due_at": due_at,
            "due_date": due_date.isoformat(),
        }
    )


def rule_of(law: Law, clock: Clock) -> Rule:
    """The rule by which a clock was counted. Raises TryAgain if its rule set has still to be read."""
    return law.rule_set(clock.rule_set, clock.revision).rules[clock.rule]
