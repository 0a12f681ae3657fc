"""The documents of intake and notify stay far below what the database keeps, whatever is done to a case."""

from datetime import UTC, datetime, timedelta

import bson
import pytest

import schemas
from schemas import Envelope, topics
from schemas.values import Attachment, Place
from services.intake import shown
from services.intake.doors.portals import _projection
from services.intake.feedback import Feedback, Recorded, SenderDetails, Step, Supplemented
from services.intake.store import Known, _write
from services.notify import domain, store
from services.notify.store import MOST_FACTS
from tests.support.packs import VN
from tests.unit.services.test_bounds import ABOUT, DATABASE_LIMIT, FILES, ID, LINE, TEXT, Story

NOW = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)


def supplement(number: int) -> Supplemented:
    files = tuple(file.model_copy(update={"id": f"{number:04d}{file.id[4:]}"}) for file in FILES)
    return Supplemented(id=f"s{number}", content=TEXT, attachments=files, supplemented_at=NOW)


def told(number: int) -> schemas.Fact:
    event = schemas.FeedbackSupplemented(**ABOUT, number=number + 1, supplemented_at=NOW)
    return schemas.fact(event, cause=f"s{number}", subject=ID, time=NOW, source="/pakn/intake")


def test_a_feedback_that_is_asked_until_its_case_is_full_stays_small() -> None:
    """Each answer stays in the feedback with its text and its files; routing's bound is what ends the questions."""
    story, answers = Story(), 0
    while story.act("request_more", question=TEXT) == "MoreRequested":
        story.supplement()
        answers += 1
    assert answers >= 20, "there is room for more than a case ever needs"
    # Facts that are shown: routing's own, and three clocks a fact; then corrections for ever.
    acts = [Step(id="x" * 36, type=fact.name, at=NOW, agency=LINE) for fact in story.facts if fact.name in shown.SHOWN]
    clocks = [Step(id="x" * 36, type="DeadlineMoved", at=NOW, agency=LINE)] * shown.MOST_CLOCK_STEPS
    attachments: tuple[Attachment, ...] = FILES * (answers + 1)
    facts = [told(number) for number in range(answers + 1)]
    feedback = Feedback(
        id=ID,
        code=ABOUT["code"],
        state="published",
        category="khac",
        title=LINE,
        content=TEXT,
        language="vi",
        sender=SenderDetails(name=LINE, address=LINE, phone=LINE, email="a" * 254),
        submitter_type="person",
        attachments=attachments,
        named_unit=LINE,
        where=Place(description=LINE),
        supplements=tuple(supplement(number) for number in range(answers + 1)),
        channel="portal",
        portal="cdvcqg",
        submitted_at=NOW,
        received_at=NOW,
        fingerprint="0" * 64,
        reason=TEXT,
        right_channel=TEXT,
        question=TEXT,
        reply=TEXT,
        document_number=LINE,
        timeline=(*acts, *clocks),
        history=tuple(Recorded(cause="c" * 36, facts=(fact,)) for fact in facts),
    )
    assert len(bson.encode(_write(feedback))) < DATABASE_LIMIT / 2
    (matter,) = feedback.matter
    limits = {spec.name: spec.max_bytes for spec in topics.all_topics([], [])}
    assert len(matter.data.encode()) < limits[topics.MATTERS] * 0.9, "its topic takes it, with its headers"


def test_a_timeline_keeps_every_act_and_the_newest_steps_of_clocks() -> None:
    """Each correction of the calendar left a step that nobody is shown."""
    moved = schemas.DeadlineMoved.model_construct(**ABOUT, rule="publish", agency="gia-lai")
    known: dict[str, str] = {"submitted": "FeedbackSubmitted"}
    for number in range(shown.MOST_CLOCK_STEPS + 200):
        at = NOW + timedelta(minutes=number)
        envelope = Envelope(f"m{number}", moved.type_name(), "DeadlineMoved", "/x", at, ID, "")
        received = FactRecord(envelope, moved)
        projection = _projection(ID, [received, received], Known(known, (), None))  # type: ignore[list-item]
        assert [step.id for step in projection.steps] in ([], [f"m{number}"])
        known |= {f"a{number}": "DeadlinesChanged"}
        for dropped in shown.dropped(known):
            del known[dropped]
    assert "submitted" in known
    assert len(known) == shown.MOST_CLOCK_STEPS + 1


class FactRecord:
    """What a projection reads of a record."""

    def __init__(self, envelope: Envelope, event: schemas.Event) -> None:
        self.envelope, self.event = envelope, event


@pytest.mark.parametrize("days", [0, 400])
def test_what_letters_know_of_a_case_stays_small(days: int) -> None:
    """The newest facts of a case, one contact, one last day: nothing else of a case is kept, however often it changes."""
    unusual = [{"date": "2026-03-02", "kind": "holiday", "name": LINE}] * days
    count = {"started_on": "2026-03-02", "limit": 400, "unit": "working_days", "unusual": unusual}
    case = {
        "category": LINE,
        "agency": LINE,
        "submitted_at": NOW,
        "contact": {name: LINE for name in ("name", "email", "language", "lookup_secret", "email_confirmation_token", "title")},
        "deadline": {"agency": LINE, "rule": LINE, "rule_set": LINE, "article": TEXT, "due_date": "2026-03-02", "count": count},
        "facts": ["x" * 300] * (MOST_FACTS + 500),
    }
    assert len(bson.encode(case)) < 2 * 1024 * 1024


def test_a_letter_keeps_no_long_text_of_its_sender_and_one_reason_however_often_it_is_tried() -> None:
    event = schemas.MoreRequested(**ABOUT, agency="gia-lai", actor="a", question=TEXT, requested_at=NOW)
    envelope = Envelope("e" * 36, event.type_name(), "MoreRequested", "/x", NOW, ID, "")
    (letter,) = domain.follow(VN.letters, "v" * 64, envelope, event, NOW).letters
    settlement = domain.start(letter, {})
    for number in range(5_000):
        now = NOW + timedelta(seconds=number)
        settlement = domain.settle(letter, "retry", "data: 451", now, backoff=timedelta(seconds=1))
    document = store._new_document(letter, settlement) | store._settlement(settlement, now=NOW, legal=NOW, instance="i")
    assert len(bson.encode(document)) < 256 * 1024
