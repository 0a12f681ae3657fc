"""What a sender wrote reaches the agency in charge, whatever comes first, and nobody once it is erased."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from unittest.mock import Mock

from hypothesis import given
from hypothesis import strategies as st

import schemas
from pakn.engine.case_handler import CaseHandler
from pakn.engine.case_store import recorded_facts
from pakn.engine.mongo import Document
from pakn.engine.received import Received, Tombstone
from pakn.legal_time import make_legal_time
from schemas import AgencyAction, Envelope, Fact, FeedbackSubmitted, MatterForwarded, MatterRecorded
from schemas.matter import Supplement
from schemas.topics import TopicName
from services.routing.case import Case
from services.routing.decisions import Decisions, case_id, cause_id
from services.routing.matters import forwardings
from services.routing.store import read, write
from tests.support.packs import VN
from tests.unit.services.test_bounds import applied

NOW = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
ID = "0197f3c2-5b1e-7d40-9a66-3f2d8c1b7e05"
ABOUT: dict[str, Any] = {"feedback_id": ID, "code": "PAKN.20260302.0001"}
HANDLER = CaseHandler(
    None,  # type: ignore[arg-type]
    Decisions(VN, make_legal_time(None)).decide,
    read,
    write,
    case_id,
    cause_id,
    partial(forwardings, VN),
)


def received(topic: str, number: int, event: Any) -> Received:
    at = NOW + timedelta(minutes=number)
    name = f"pakn.{type(event).__name__}.v1"
    envelope = Envelope(f"{topic}/{number}", name, type(event).__name__, "/x", at, ID, "")
    record: Any = Mock(topic=f"t.{topic}", partition=0, offset=number)
    return Received(envelope, event, TopicName.parse(f"t.{topic}"), 0, number, at, record)


def matter(number: int) -> MatterRecorded:
    """The matter with so many supplements."""
    said = tuple(Supplement(content=f"Bổ sung {row}", supplemented_at=NOW + timedelta(hours=row)) for row in range(number))
    return MatterRecorded(**ABOUT, title="Đường hỏng", content="Ổ gà", supplements=said)


def action(name: str, **more: Any) -> AgencyAction:
    return AgencyAction.model_validate({"action": name, "feedback_id": ID, "actor": "cb1"} | more)


SUBMITTED = FeedbackSubmitted(**ABOUT, channel="web", category="khac", language="vi", submitted_at=NOW, received_at=NOW)


class Routing:
    """Routing's handling of one case, batch by batch, and what it has published."""

    def __init__(self) -> None:
        self.document: Document | None = None
        self.facts: list[Fact] = []

    def handle(self, *batch: Received, save: bool = True) -> list[Fact]:
        """Handle a batch; what it publishes. Without `save` the process ends before it has saved or published anything."""
        known = recorded_facts(self.document) if self.document else {}
        change, outcome = HANDLER.decide_case(ID, self.document, batch, known)
        if save:
            self.document = applied(self.document, change)
            self.facts += outcome.facts
        return outcome.facts

    def forwarded(self) -> list[tuple[str, int]]:
        """To whom the matter was given, and with how many supplements; each id once."""
        rows = {fact.id: MatterForwarded.model_validate_json(fact.data) for fact in self.facts if fact.name == "MatterForwarded"}
        return [(row.agency, len(row.supplements)) for row in rows.values()]

    @property
    def agency(self) -> str:
        """Who is in charge."""
        assert self.document is not None
        case = read(self.document)
        assert isinstance(case, Case)
        return case.agency


def test_the_agency_in_charge_gets_the_matter_whichever_comes_first() -> None:
    for first, second in (("feedback", "matters"), ("matters", "feedback")):
        rows = {"feedback": received("feedback", 1, SUBMITTED), "matters": received("matters", 2, matter(0))}
        routing = Routing()
        routing.handle(rows[first])
        assert routing.forwarded() == []
        routing.handle(rows[second])
        assert routing.forwarded() == [(routing.agency, 0)]
        (fact,) = (fact for fact in routing.facts if fact.name == "MatterForwarded")
        assert fact.topics == (f"assignments.{routing.agency}",)


# What happens in one case: each stream keeps its order, and they have no common one.
STREAMS: dict[str, list[Any]] = {
    "feedback": [SUBMITTED],
    "matters": [matter(0), matter(1), matter(2)],
    "actions.da-nang": [action("transfer", to_agency="hue", reason="x")],
    "actions.hue": [action("accept"), action("return", reason="x")],
}


@given(st.data())
def test_in_any_order_and_after_any_crash_the_agency_in_charge_has_the_whole_matter(data: st.DataObject) -> None:
    """Batches are cut anywhere, come again in part or whole, and processes end before they save or before they publish."""
    left = {topic: [received(topic, number, event) for number, event in enumerate(events)] for topic, events in STREAMS.items()}
    sent: list[Received] = []
    while any(left.values()):
        # Nobody acts on a case before it is assigned.
        possible = [topic for topic, rows in left.items() if rows and not (topic.startswith("actions.") and left["feedback"])]
        topic = data.draw(st.sampled_from(possible))
        sent.append(left[topic].pop(0))
    routing, at = Routing(), 0
    while at < len(sent):
        batch = sent[at : at + data.draw(st.integers(1, 3))]
        ends = data.draw(st.sampled_from(["well", "before saving", "before publishing"]))
        if ends == "before saving":
            routing.handle(*batch, save=False)
            continue
        published = len(routing.facts)
        routing.handle(*batch)
        if ends == "before publishing":
            del routing.facts[published:]
            routing.handle(*batch)
        at += len(batch)
    assert (routing.agency, 2) in routing.forwarded()
    before, facts = routing.document, {(fact.id, fact.data) for fact in routing.facts}
    for row in sent:
        routing.handle(row)
    assert {(fact.id, fact.data) for fact in routing.facts if fact.name == "MatterForwarded"} <= facts
    assert routing.document == before


def test_after_a_transfer_the_new_agency_has_it_and_inside_an_agency_nothing_comes_again() -> None:
    routing = Routing()
    routing.handle(received("matters", 1, matter(1)), received("feedback", 1, SUBMITTED))
    first = routing.agency
    routing.handle(received(f"actions.{first}", 1, action("transfer", to_agency=first, to_unit="Phòng 2", reason="x")))
    assert routing.forwarded() == [(first, 1)]
    routing.handle(received(f"actions.{first}", 2, action("transfer", to_agency="hue", reason="x")))
    assert routing.forwarded() == [(first, 1), ("hue", 1)]


def test_an_older_matter_behind_a_newer_one_changes_nothing() -> None:
    """A sweep publishes what it has read, and another instance may have published more in the meantime."""
    routing = Routing()
    routing.handle(received("feedback", 1, SUBMITTED), received("matters", 2, matter(2)))
    assert routing.handle(received("matters", 3, matter(1))) == []


def test_words_of_a_rating_reach_the_agency_and_are_not_lost_to_an_older_matter() -> None:
    """They come with as many supplements as the matter before them had."""
    routing = Routing()
    before = matter(1)
    routing.handle(received("feedback", 1, SUBMITTED), received("matters", 2, before))
    assert routing.handle(received("matters", 3, before.model_copy(update={"remark": "Chưa sửa."})))
    assert routing.handle(received("matters", 4, before)) == []
    assert "Chưa sửa." in repr(routing.document)


def test_what_is_erased_is_in_no_document_and_goes_to_no_agency() -> None:
    routing = Routing()
    erased = received("matters", 9, Tombstone())
    said = received("matters", 2, matter(1))
    routing.handle(received("feedback", 1, SUBMITTED), said)
    assert "Ổ gà" in repr(routing.document)
    routing.handle(erased)
    assert not [text for text in ("Ổ gà", "Đường hỏng", "Bổ sung") if text in repr(routing.document)]
    assert routing.handle(said, received("feedback", 1, SUBMITTED)), "the assignment comes again"
    assert routing.handle(received(f"actions.{routing.agency}", 2, action("transfer", to_agency="hue", reason="x")))
    assert len(routing.forwarded()) == 1


def test_a_case_whose_matter_was_erased_before_it_was_read_is_assigned_all_the_same() -> None:
    routing = Routing()
    routing.handle(received("matters", 1, matter(0)), received("matters", 2, Tombstone()))
    names = [fact.name for fact in routing.handle(received("feedback", 1, SUBMITTED))]
    assert names == ["FeedbackAssigned"]
    assert schemas.FeedbackAssigned.model_validate_json(routing.facts[-1].data).agency == routing.agency
