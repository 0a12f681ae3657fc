"""No case can fill its document, and a full one can still be answered."""

import uuid
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from unittest.mock import Mock

import bson
from hypothesis import given, settings
from hypothesis import strategies as st

import schemas
from pakn.engine.case_handler import CaseHandler
from pakn.engine.case_store import MOST_REFUSALS, Change, recorded_causes, recorded_facts
from pakn.engine.mongo import Document
from pakn.engine.received import Received
from pakn.legal_time import make_legal_time
from schemas import AgencyAction, Envelope, Fact, FeedbackSubmitted, MatterRecorded
from schemas.matter import Supplement
from schemas.topics import TopicName
from schemas.values import Attachment, Place
from services.routing import bounds
from services.routing.case import Case
from services.routing.decisions import Decisions, case_id, cause_id
from services.routing.matters import forwardings
from services.routing.store import read, write
from tests.support.packs import VN

DATABASE_LIMIT = 16 * 1024 * 1024
NOW = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
ID = "0197f3c2-5b1e-7d40-9a66-3f2d8c1b7e05"
ABOUT = {"feedback_id": ID, "code": "PAKN.20260302.0001"}
# Four bytes each: no text of so many characters is longer.
TEXT, LINE, OWN_ID = "𐀀" * 20_000, "𐀀" * 500, "𐀀" * 960
FILES = tuple(
    Attachment(id="f" * 120, name="𐀀" * 200, media_type="application/pdf", size=1, sha256="0" * 64)
    for _ in range(VN.header.attachments.max_files)
)
HANDLER = CaseHandler(
    None,  # type: ignore[arg-type]
    Decisions(VN, make_legal_time(None)).decide,
    read,
    write,
    case_id,
    cause_id,
    partial(forwardings, VN),
)


class Story:
    """One case as routing keeps it, by its own decisions."""

    def __init__(self, *, content: str = TEXT, own_id: str = OWN_ID) -> None:
        self.document: Document | None = None
        self.facts: list[Fact] = []
        self.sent: list[Received] = []
        self._own_id = own_id
        who: dict[str, Any] = {"channel": "web", "category": "khac", "language": "vi"}
        self._give("feedback", FeedbackSubmitted(**ABOUT, **who, submitted_at=NOW, received_at=NOW))
        where = Place(description=LINE)
        self._matter = MatterRecorded(**ABOUT, title=LINE, content=content, unit=LINE, place=where, attachments=FILES)
        self._give("matters", self._matter)

    def _give(self, topic: str, event: Any) -> None:
        number = len(self.sent)
        at = NOW + timedelta(minutes=number)
        envelope = Envelope(f"{number:040d}{self._own_id}", event.type_name(), event.event_name(), "/x", at, ID, "")
        record: Any = Mock(topic=f"t.{topic}", partition=0, offset=number)
        self.sent.append(Received(envelope, event, TopicName.parse(f"t.{topic}"), 0, number, at, record))
        self.again(self.sent[-1])

    def again(self, received: Received) -> list[Fact]:
        """Give a record, perhaps not for the first time; what follows from it."""
        again = self.document is not None and HANDLER.cause_id(received) in recorded_causes(self.document)
        known = recorded_facts(self.document) if self.document and again else {}
        change, outcome = HANDLER.decide_case(ID, self.document, [received], known)
        assert not outcome.given_up
        self.document = applied(self.document, change)
        self.facts += outcome.facts
        return outcome.facts

    def act(self, action: str, *, agency: str | None = None, **more: Any) -> str:
        """Let the case's agency act, with the longest texts; the name of the first fact."""
        document = {"action": action, "feedback_id": ID, "actor": "cb" + uuid.uuid4().hex[:6]} | more
        self._give(f"actions.{agency or self.case.agency}", AgencyAction.model_validate(document))
        return next(fact.name for fact in reversed(self.facts) if fact.name not in ("MatterForwarded", "FeedbackAssigned"))

    def supplement(self, content: str = TEXT) -> None:
        """Let the sender answer."""
        said = (*self._matter.supplements, Supplement(content=content, attachments=FILES, supplemented_at=NOW))
        self._matter = self._matter.model_copy(update={"supplements": said})
        self._give("feedback", schemas.FeedbackSupplemented(**ABOUT, number=len(said), supplemented_at=NOW))
        self._give("matters", self._matter)

    @property
    def case(self) -> Case:
        """The case as it is kept."""
        assert self.document is not None
        return Case.model_validate(self.document)

    @property
    def codes(self) -> list[str]:
        """The codes of the last refusal."""
        return [fault.code for fault in schemas.ActionRefused.model_validate_json(self.facts[-1].data).faults]


def applied(document: Document | None, change: Change | None) -> Document | None:
    """The document after a change, as the database has it."""
    if change is None:
        return document
    before: Document = document or {"_id": change.case_id, "history": []}
    after = before | change.fields | {"version": change.version + 1, "history": [*before["history"], *change.entries]}
    refusals = [*before.get("refusals", ()), *change.refusals][-MOST_REFUSALS:]
    return after | {"refusals": refusals} if refusals else after


def units() -> Any:
    """Names of units that differ from one to the next, as long as may be."""
    number = 0
    while True:
        number += 1
        yield f"{number:04d}{LINE[4:]}"


def test_a_case_that_its_agency_transfers_for_ever_stays_small_and_can_be_answered() -> None:
    """277 transfers inside one agency filled a document, and every further act was a dead letter."""
    story, names, done = Story(), units(), 0
    while story.act("transfer", to_agency=story.case.agency, to_unit=next(names), reason=TEXT) == "FeedbackTransferred":
        done += 1
    assert story.codes == ["case_is_full"]
    assert done >= 40, "also with the longest texts there is room for more than a case ever needs"
    assert story.case.crowded
    for _ in range(MOST_REFUSALS + 5):
        story.act("accept", unit=LINE)
    sent_back = 0
    while story.act("reply", reply=TEXT, document_number=LINE) == "FeedbackReplied":
        if story.act("send_back", reason=TEXT) == "ActionRefused":
            break
        sent_back += 1
    assert sent_back >= 3
    assert story.act("publish") == "ReplyPublished"
    assert len(bson.encode(story.document or {})) < DATABASE_LIMIT / 2


def test_short_acts_are_bounded_by_their_number() -> None:
    story, names = Story(content="Ổ gà", own_id=""), iter(range(10_000))
    while story.act("transfer", to_agency=story.case.agency, to_unit=str(next(names)), reason="x") == "FeedbackTransferred":
        pass
    assert story.case.acts == bounds.MOST_ACTS
    assert story.act("refuse", reason="x") == "FeedbackNotAccepted"


def test_a_crowded_case_is_named_long_before_it_is_full() -> None:
    assert not bounds.is_crowded(bounds.MOST_ACTS // 2 - 1, bounds.MOST_BYTES // 2 - 1)
    assert bounds.is_crowded(bounds.MOST_ACTS // 2, 0)
    assert bounds.is_crowded(0, bounds.MOST_BYTES // 2)


def test_by_arithmetic_no_case_can_hold_half_of_what_the_database_keeps() -> None:
    """The largest of everything at once: more than any order of acts can lead to."""
    story = Story()
    story.act("transfer", to_agency="da-nang", to_unit=LINE, reason=TEXT)
    assert story.document is not None
    largest_act = len(bson.encode(story.document["history"][-1]))
    state = len(bson.encode({key: value for key, value in story.document.items() if key != "history"})) + len(TEXT.encode()) * 2
    story.act("publish")
    refusals = MOST_REFUSALS * (len(bson.encode(story.document["refusals"][-1])) + 2_000)
    # The fixed part of a fact: names, ids, times, topics.
    fixed = (bounds.MOST_ACTS + bounds.ACTS_FOR_THE_END + 3) * 2 * 1_200
    # One act may go beyond the bound; then a reply and its publication end the case.
    total = bounds.MOST_BYTES + bounds.BYTES_FOR_THE_END + 3 * largest_act + fixed + state + refusals
    assert total < DATABASE_LIMIT / 2


ACTS = st.sampled_from(
    ["accept", "refuse", "return", "transfer", "inside", "request_more", "reply", "send_back", "publish", "answer"]
)


@settings(max_examples=15)
@given(st.lists(st.tuples(ACTS, st.sampled_from([1, 300, 20_000])), min_size=20, max_size=120), st.booleans())
def test_whatever_is_done_in_any_order_a_case_stays_bounded_and_a_repetition_changes_nothing(
    acts: list[tuple[str, int]], long_ids: bool
) -> None:
    story = Story(own_id=OWN_ID if long_ids else "")
    for number, (name, length) in enumerate(acts):
        text = TEXT[:length]
        texts: dict[str, Any] = {"reason": text, "question": text, "reply": text}
        match name:
            case "answer":
                if story.case.state == "waiting_for_supplement":  # Intake takes none in another state.
                    story.supplement(text)
                continue
            case "transfer":
                more: dict[str, Any] = {"to_agency": "da-nang" if story.case.agency != "da-nang" else "hue", "reason": text}
            case "inside":
                more = {"to_agency": story.case.agency, "to_unit": str(number), "reason": text}
            case _:
                fields = AgencyAction.model_fields["root"].annotation.__args__  # type: ignore[union-attr]
                model = next(row for row in fields if row.model_fields["action"].annotation.__args__ == (name,))
                more = {key: value for key, value in texts.items() if key in model.model_fields}
        story.act("transfer" if name == "inside" else name, **more)
    assert story.document is not None
    assert len(bson.encode(story.document)) < DATABASE_LIMIT / 2
    assert len(story.document.get("refusals", ())) <= MOST_REFUSALS
    before, facts = story.document, {(fact.id, fact.data) for fact in story.facts}
    for received in story.sent[-MOST_REFUSALS:]:
        assert {(fact.id, fact.data) for fact in story.again(received)} <= facts
    assert story.document == before


def test_a_refusal_crowds_out_no_act_and_the_newest_are_known_again() -> None:
    """Refusals stood in the history: five hundred of them took an agency's room for acts, and later ones were forgotten."""
    story = Story(content="Ổ gà", own_id="")
    for _ in range(MOST_REFUSALS + 50):
        story.act("publish")
    assert story.document is not None
    assert len(story.document["history"]) == 2, "the submission and what it says"
    newest = story.sent[-1]
    refused = story.facts[-1]
    story.act("reply", reply="Đã sửa")
    assert story.again(newest) == [refused], "publish is lawful by now, and was refused before"
    assert story.case.state == "reply_to_check"
