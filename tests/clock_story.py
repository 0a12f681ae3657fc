"""A feedback's life for the tests of the law's clocks: facts go in, what the clocks say comes out, time passes.

`tests/unit/test_deadlines_domain.py` plays with it; nothing here touches a server.
"""

from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import schemas
from schemas import Fact, derived_id
from services.deadlines import domain, moves
from services.deadlines.domain import Case, Clock, Law
from services.deadlines.workdays import WorkDays
from services.pack_models import DayOff
from services.packs import load_pack

VN = load_pack("vn")
LAW = Law(VN, WorkDays(VN.calendar))
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
FEEDBACK_ID = derived_id("cause", "feedback")
COMMON: dict[str, Any] = {"feedback_id": FEEDBACK_ID, "code": "PAKN.20260302.0001"}


def at(day: str, hour: int = 9) -> datetime:
    """An hour of a local day."""
    return datetime.combine(date.fromisoformat(day), time(hour), ZONE).astimezone(UTC)


def with_days_off(law: Law, version: str, *days: str) -> Law:
    """The same law with more days off in its calendar, and another version of it."""
    years = []
    for year in law.days.calendar.years:
        more = [DayOff(date=date.fromisoformat(day), kind="holiday", name="Nghỉ thêm", source="test") for day in days]
        own = tuple(day for day in more if day.date.year == year.year)
        years.append(year.model_copy(update={"days_off": year.days_off + own}))
    return Law(law.pack, WorkDays(law.days.calendar.model_copy(update={"version": version, "years": tuple(years)})))


class Story:
    """One feedback: facts go in, the clocks' facts come out, time passes."""

    def __init__(self, sent: datetime, agency: str = "gia-lai", law: Law = LAW) -> None:
        self.law = law
        self.case: Case | None = None
        self.facts: list[Fact] = []
        self.count = 0
        self.sent = sent
        self.assigned(sent, agency)

    def take(self, event: schemas.Event) -> list[Fact]:
        self.count += 1
        self.case, facts = domain.decide(self.law, self.case, event, f"e-{self.count}", 0)
        self.facts += facts
        return facts

    def assigned(self, when: datetime, agency: str, previous: str | None = None) -> list[Fact]:
        matter = {"category": "khac", "title": "t", "content": "c", "submitted_at": self.sent, "assigned_at": when}
        rest = {"agency": agency, "previous_agency": previous, "rule": "r", "table_version": "1", "reason": "r"}
        return self.take(schemas.FeedbackAssigned.model_validate(COMMON | matter | rest))

    def transfer(self, when: datetime, agency: str, to: str) -> list[Fact]:
        facts = self.take(
            schemas.FeedbackTransferred(**COMMON, agency=agency, to_agency=to, actor="a", reason="r", transferred_at=when)
        )
        return facts + (self.assigned(when, to, agency) if agency != to else [])

    def accept(self, when: datetime) -> list[Fact]:
        return self.take(schemas.FeedbackAccepted(**COMMON, agency=self.agency, actor="a", accepted_at=when))

    def ask(self, when: datetime) -> list[Fact]:
        return self.take(schemas.MoreRequested(**COMMON, agency=self.agency, actor="a", question="q", requested_at=when))

    def supplement(self, when: datetime) -> list[Fact]:
        return self.take(schemas.FeedbackSupplemented(**COMMON, content="c", supplemented_at=when))

    def reply(self, when: datetime) -> list[Fact]:
        return self.take(schemas.FeedbackReplied(**COMMON, agency=self.agency, actor="a", reply="r", replied_at=when))

    def send_back(self, when: datetime) -> list[Fact]:
        return self.take(schemas.ReplySentBack(**COMMON, agency=self.agency, actor="b", reason="r", sent_back_at=when))

    def publish(self, when: datetime) -> list[Fact]:
        fields = COMMON | {"agency": self.agency, "actor": "b", "title": "t", "reply": "r"}
        return self.take(schemas.ReplyPublished(**fields, submitted_at=self.sent, published_at=when))

    def refuse(self, when: datetime) -> list[Fact]:
        fields = COMMON | {"category": "khac", "refused_by": self.agency, "reason": "r"}
        return self.take(schemas.FeedbackNotAccepted(**fields, submitted_at=self.sent, decided_at=when))

    @property
    def agency(self) -> str:
        assert self.case is not None
        return self.case.agency

    def wait(self, until: datetime) -> list[str]:
        """Let time pass; what fired as `rule kind number local-day`."""
        assert self.case is not None
        self.case, fired = domain.fire(self.law, self.case, until)
        self.facts += [fact for _, _, fact in fired]
        return [f"{rule} {rung.kind} {rung.number} {rung.at.astimezone(ZONE):%Y-%m-%d}" for rule, rung, _ in fired]

    def correct(self, law: Law, now: datetime) -> list[Fact]:
        """Count the open clocks again by a corrected law; the facts that follow."""
        assert self.case is not None
        self.law = law
        self.case, facts = moves.move(law, self.case, now)
        self.facts += facts
        return facts

    def clock(self, rule: str) -> Clock:
        """The latest clock of a rule."""
        assert self.case is not None
        return [clock for clock in self.case.clocks if clock.rule == rule][-1]

    def states(self) -> dict[str, str]:
        assert self.case is not None
        return {clock.rule: clock.state for clock in self.case.clocks}


def data(facts: list[Fact], name: str, rule: str) -> Any:
    """The one event `name` about `rule` among these facts."""
    events = [schemas.READERS[name].validate_json(fact.data) for fact in facts if fact.name == name]
    (found,) = [event for event in events if getattr(event, "rule", None) == rule]
    return found


def names(facts: list[Fact]) -> list[str]:
    return sorted(f"{fact.name} {schemas.CATALOGUE[fact.name].model_validate_json(fact.data).rule}" for fact in facts)  # type: ignore[attr-defined]
