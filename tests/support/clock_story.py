"""A feedback's life for the tests of the law's clocks: facts go in, what the clocks say comes out, time passes.

Nothing here touches a server.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import schemas
from pakn.packs.models import Calendar, DayOff, WorkingDay
from schemas import Fact, derived_id, parse_envelope
from services.deadlines.clocks import decide
from services.deadlines.clocks.decide import Case, Clock, Law
from services.deadlines.law.known import EVER
from services.deadlines.law.workdays import WorkDays
from services.deadlines.replay.replay import READ, Replay
from tests.support.packs import VN

LAW = Law.of(VN)
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
FEEDBACK_ID = derived_id("cause", "feedback")
CHANGES = ("met", "cancelled", "set", "not_counted")
COMMON: dict[str, Any] = {"feedback_id": FEEDBACK_ID, "code": "PAKN.20260302.0001"}


def at(day: str, hour: int = 9) -> datetime:
    """An hour of a local day."""
    return datetime.combine(date.fromisoformat(day), time(hour), ZONE).astimezone(UTC)


def with_days(
    calendar: Calendar, version: str, off: Iterable[date], worked: Mapping[date, date] = MappingProxyType({})
) -> Calendar:
    """The calendar with more days off, and weekend days worked in exchange for one each."""
    told = {"name": "Nghỉ thêm", "source": "thông báo"}
    years, off = [], list(off)
    for year in calendar.years:
        more = [DayOff(date=day, kind="holiday", **told) for day in off if day.year == year.year]
        swaps = [
            WorkingDay(date=day, kind="swap_work", for_=instead, source=told["source"])
            for day, instead in worked.items()
            if day.year == year.year
        ]
        update = {"days_off": (*year.days_off, *more), "working_days": (*year.working_days, *swaps)}
        years.append(year.model_copy(update=update))
    return calendar.model_copy(update={"version": version, "years": tuple(years)})


def with_days_off(law: Law, version: str, *days: str) -> Law:
    """The same law with more days off in its calendar, and another version of it."""
    return with_calendar(law, with_days(law.days.calendar, version, map(date.fromisoformat, days)))


def with_calendar(law: Law, calendar: Calendar) -> Law:
    """The law of the same pack with another calendar."""
    return Law.of(law.pack, [(EVER, WorkDays(calendar))])


def ending(law: Law, year: int, version: str | None = None) -> Law:
    """The same law with a calendar that ends with a year."""
    calendar = law.days.calendar
    years = tuple(row for row in calendar.years if row.year <= year)
    return with_calendar(law, calendar.model_copy(update={"version": version or calendar.version, "years": years}))


def corrected(law: Law, **values: object) -> Law:
    """The same law with a corrected limit for the reply in every rule set."""
    rule_sets = []
    for rule_set in law.pack.rule_sets:
        rule = rule_set.rules["handle_reply"]
        changed = rule.model_copy(update={"limit": rule.limit.model_copy(update=values)})
        rules = {**rule_set.rules, "handle_reply": changed}
        rule_sets.append(rule_set.model_copy(update={"rules": rules, "revision": rule_set.revision + 1}))
    return Law.of(law.pack.model_copy(update={"rule_sets": tuple(rule_sets)}), law.calendars)


def replay(facts: Iterable[Fact], until: str = "2027-12-01") -> Replay:
    """What a replay of the lifecycle topic makes of these facts."""
    result = Replay(at(until))
    for fact in facts:
        if fact.name in READ:
            headers = [(name, value.encode()) for name, value in fact.headers().items()]
            result.take(parse_envelope(headers), schemas.CATALOGUE[fact.type].model_validate_json(fact.data))
    return result


def told(result: Replay) -> dict[str, tuple[object, ...]]:
    """Each clock as a reader of the topic knows it, by id."""
    return {id: (row.rule, row.agency, row.due_at, row.state, row.overdue) for id, row in result.clocks.items()}


class Story:
    """One feedback: facts go in, the clocks' facts come out, time passes."""

    def __init__(self, sent: datetime, agency: str = "gia-lai", law: Law = LAW, assigned: datetime | None = None) -> None:
        self.law = law
        self.case: Case | None = None
        self.facts: list[Fact] = []
        self.count = 0
        self.sent = sent
        self.assigned(assigned or sent, agency)

    def take(self, event: schemas.Event) -> list[Fact]:
        self.count += 1
        self.case, facts = decide.apply_event(self.law, self.case, event, f"e-{self.count}", 0)
        self.facts += facts
        return facts

    def assigned(self, when: datetime, agency: str, previous: str | None = None, rule: str = "r") -> list[Fact]:
        matter = {"category": "khac", "title": "t", "content": "c", "submitted_at": self.sent, "assigned_at": when}
        rest = {"agency": agency, "previous_agency": previous, "routing_rule": rule, "table_version": "1", "reason": "r"}
        return self.take(schemas.FeedbackAssigned.model_validate(COMMON | matter | rest))

    def transfer(self, when: datetime, agency: str, to: str) -> list[Fact]:
        facts = self.take(
            schemas.FeedbackTransferred(**COMMON, agency=agency, to_agency=to, actor="a", reason="r", transferred_at=when)
        )
        return facts + (self.assigned(when, to, agency) if agency != to else [])

    def objected(self, when: datetime, agency: str) -> list[Fact]:
        """The assignment that follows an objection."""
        return self.assigned(when, agency, self.agency, rule="appeal")

    def accept(self, when: datetime) -> list[Fact]:
        return self.take(schemas.FeedbackAccepted(**COMMON, agency=self.agency, actor="a", accepted_at=when))

    def ask(self, when: datetime) -> list[Fact]:
        return self.take(schemas.MoreRequested(**COMMON, agency=self.agency, actor="a", question="q", requested_at=when))

    def supplement(self, when: datetime) -> list[Fact]:
        return self.take(schemas.FeedbackSupplemented(**COMMON, number=1, supplemented_at=when))

    def reply(self, when: datetime) -> list[Fact]:
        return self.take(schemas.FeedbackReplied(**COMMON, agency=self.agency, actor="a", replied_at=when))

    def send_back(self, when: datetime) -> list[Fact]:
        return self.take(schemas.ReplySentBack(**COMMON, agency=self.agency, actor="b", reason="r", sent_back_at=when))

    def publish(self, when: datetime) -> list[Fact]:
        fields = COMMON | {"agency": self.agency, "actor": "b", "title": "t", "reply": "r"}
        return self.take(schemas.ReplyPublished(**fields, submitted_at=self.sent, published_at=when))

    def refuse(self, when: datetime) -> list[Fact]:
        fields = COMMON | {"category": "khac", "agency": self.agency, "reason": "r"}
        return self.take(schemas.FeedbackNotAccepted(**fields, submitted_at=self.sent, decided_at=when))

    @property
    def agency(self) -> str:
        assert self.case is not None
        return self.case.agency

    def wait(self, until: datetime) -> list[str]:
        """Let time pass; what fired as `rule kind number local-day`."""
        return [
            f"{step.rule} {step.rung.kind} {step.rung.number} {step.rung.at.astimezone(ZONE):%Y-%m-%d}"
            for step in self.advance(until)
            if step.rung
        ]

    def advance(self, until: datetime) -> list[decide.Occurrence]:
        """Let time pass; what happened."""
        assert self.case is not None
        self.case, steps = decide.advance(self.law, self.case, until)
        self.facts += [step.fact for step in steps]
        return steps

    def learn(self, law: Law, since: datetime) -> None:
        """Know from now on that calendar and rule sets hold as in `law`, where they are new: since that instant."""
        known = {(rule_set.id, rule_set.revision) for _, rule_set in self.law.rule_sets}
        new = [(since, rule_set) for rule_set in law.pack.rule_sets if (rule_set.id, rule_set.revision) not in known]
        self.law = Law.of(law.pack, [*self.law.calendars, (since, law.days)], [*self.law.rule_sets, *new])

    def correct(self, law: Law, now: datetime) -> list[Fact]:
        """Let time pass until a correction, and go through it; the facts that tell of it."""
        self.advance(now)
        self.learn(law, now)
        return [step.fact for step in self.advance(now) if step.rung is None]

    def clock(self, rule: str) -> Clock:
        """The latest clock of a rule."""
        assert self.case is not None
        return [clock for clock in self.case.clocks if clock.rule == rule][-1]


def stored(story: Story) -> dict[str, tuple[object, ...]]:
    """Each clock as deadlines has it, by id."""
    assert story.case is not None
    assert len({clock.id for clock in story.case.clocks}) == len(story.case.clocks)
    return {clock.id: (clock.rule, clock.agency, clock.due_at, clock.state, clock.overdue) for clock in story.case.clocks}


def by_clock(fact: Fact) -> list[tuple[str, Any]]:
    """What a fact tells of each clock: a list of `DeadlinesChanged` and an entry in it, or the name of an event and the event."""
    event: Any = schemas.CATALOGUE[fact.type].model_validate_json(fact.data)
    if isinstance(event, schemas.DeadlinesChanged):
        return [(kind, clock) for kind in CHANGES for clock in getattr(event, kind)]
    return [(fact.name, event)]


def data(facts: list[Fact], name: str, rule: str) -> Any:
    """The one event `name`, or the one entry in the lists `name`, about `rule` among these facts."""
    (found,) = [told for fact in facts for kind, told in by_clock(fact) if (kind, told.rule) == (name, rule)]
    return found


def names(facts: list[Fact]) -> list[str]:
    return sorted(f"{kind} {told.rule}" for fact in facts for kind, told in by_clock(fact))
