"""Intake's decisions: every fault at once, what a draft becomes, and who may see what of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import schemas
from schemas.portal_submission import PortalSubmission, Submission
from services.intake import domain, shown
from services.intake.feedback import Feedback
from tests.support.examples import clock_change, example
from tests.support.packs import UNSIGNED, VN

NOW = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
SENDER = {"name": "Nguyễn Văn Thử", "address": "1 Hùng Vương", "phone": "0900000000", "email": "thu@example.org"}
GOOD: dict[str, Any] = {"category": "khac", "title": "Đường hỏng", "content": "Ổ gà trên đường", "sender": SENDER}
FEEDBACK_ID = schemas.derived_id("cause", "feedback")


def codes_of(raw: dict[str, Any], pack: Any = VN) -> dict[str, str]:
    submission, faults = domain.check(pack, raw)
    assert (submission is None) == bool(faults)
    assert len({fault.field for fault in faults}) == len(faults)
    return {fault.field: fault.code for fault in faults}


def registered(raw: dict[str, Any], *, portal: str | None = None, at: datetime = NOW) -> tuple[Feedback, dict[str, schemas.Fact]]:
    known: Any = {"cause": "cause", "submission_id": "own-1", "id_field": "ce_id", "received_at": at, "portal": portal}
    arrival = domain.Arrival(raw, channel="portal" if portal else "web", **known)
    submission, faults = domain.check(VN, arrival.submission)
    assert submission is not None, faults
    feedback = domain.register(VN, domain.draft(VN, arrival, submission, (), at), "PAKN.20260302.0001", "s" * 24)
    return feedback, {fact.name: fact for fact in feedback.facts}


def test_a_submission_in_order_has_no_faults() -> None:
    assert codes_of(GOOD) == {}
    assert codes_of(GOOD | {"province": "gia-lai", "level": "commune", "addressed_to": "bo-y-te", "language": "en"}) == {}


def test_every_fault_is_told_at_once() -> None:
    wrong = {
        "category": "nothing-like-it",
        "title": "t" * 251,
        "content": "",
        "language": "fr",
        "province": "atlantis",
        "level": "galaxy",
        "addressed_to": "nobody",
        "sender": {"name": "A", "email": "no address"},
        "favourite_colour": "blue",
        "place": {"latitude": 91},
    }
    assert codes_of(wrong) == {
        "addressed_to": "unknown_agency",
        "category": "unknown_category",
        "content": "too_short",
        "favourite_colour": "unknown_field",
        "language": "unknown_language",
        "level": "unknown_level",
        "place.latitude": "out_of_range",
        "province": "unknown_province",
        "sender.address": "missing",
        "sender.email": "bad_format",
        "sender.phone": "missing",
        "title": "too_long",
    }


def test_a_submission_that_a_door_has_read_is_compared_with_the_pack_alike() -> None:
    """A portal's record is read once; a web form's document is read here. The pack says the same to both."""
    wrong = GOOD | {"category": "nothing-like-it", "title": "t" * 251, "sender": {"name": "A"}, "province": "atlantis"}
    read, sent = (domain.check(VN, given) for given in (Submission.model_validate(wrong), wrong))
    assert read == sent
    assert len(read[1]) == 6
    submission, faults = domain.check(VN, Submission.model_validate(GOOD))
    assert (submission, faults) == (Submission.model_validate(GOOD), [])


@pytest.mark.parametrize("raw", [{}, {"sender": "x"}, {"sender": None}, {"category": 5, "title": [], "content": {}, "sender": []}])
def test_any_shape_gets_faults_and_never_an_error(raw: dict[str, Any]) -> None:
    assert {"category", "title", "content"} <= set(codes_of(raw))


def test_a_name_with_a_line_break_is_refused_at_the_door() -> None:
    """A line break in a name would later break the header of a letter."""
    assert set(codes_of(GOOD | {"sender": SENDER | {"name": "A\nBcc: all@example.org"}})) == {"sender.name"}


def test_what_is_required_of_the_sender_is_the_packs_decision() -> None:
    assert codes_of(GOOD | {"sender": {}}, UNSIGNED) == {}
    missing = ("sender.address", "sender.email", "sender.name", "sender.phone")
    assert codes_of(GOOD | {"sender": {}}) == dict.fromkeys(missing, "missing")


def test_a_category_is_found_by_its_id_and_by_its_name_elsewhere() -> None:
    assert domain.find_category(VN, "Khác/Other") in [row for row in VN.categories if row.id == "khac"]
    assert domain.find_category(VN, "khac") == domain.find_category(VN, "Khác/Other")
    assert domain.find_category(VN, "Unicorns") is None


@pytest.mark.parametrize("category", [category for category in VN.categories if not category.accepted], ids=lambda c: c.id)
@pytest.mark.parametrize("language", ["vi", "en"])
def test_a_class_outside_the_procedure_is_registered_with_reason_and_right_channel(category: Any, language: str) -> None:
    feedback, facts = registered(GOOD | {"category": category.id, "language": language})
    assert (feedback.state, feedback.accepted) == ("not_accepted", False)
    assert "FeedbackSubmitted" not in facts
    refused = schemas.FeedbackNotAccepted.model_validate_json(facts["FeedbackNotAccepted"].data)
    assert refused.reason == category.reason[language] == feedback.reason
    assert refused.right_channel == category.channel[language] == feedback.right_channel
    assert facts["ContactRecorded"].topics == ("contacts",), "the sender is written to as well"


def test_personal_data_goes_to_the_contacts_topic_and_nowhere_else() -> None:
    for category in ("khac", "to-cao"):
        _, facts = registered(GOOD | {"category": category}, portal="cdvcqg")
        for fact in facts.values():
            if fact.name == "ContactRecorded":
                assert fact.topics == ("contacts",)
                assert all(value in fact.data for value in SENDER.values())
            else:
                assert not [value for value in SENDER.values() if value in fact.data]
                assert "s" * 24 not in fact.data, "the look-up secret is only for the sender"


def test_that_a_sender_agrees_to_be_named_is_in_no_topic_and_shown_to_the_sender_alone() -> None:
    for agrees in (True, False):
        feedback, facts = registered(GOOD | {"publish_name": agrees}, portal="cdvcqg")
        assert feedback.publish_name is agrees
        assert not any("publish_name" in fact.data for fact in (*facts.values(), *feedback.matter))
        assert shown.private_view(feedback).publish_name is agrees
        assert shown.public_view(feedback).publish_name is None
    marks = [
        domain.fingerprints.of_submission(Submission.model_validate(GOOD | more), "vi", ())
        for more in ({}, {"publish_name": False}, {"publish_name": True})
    ]
    before = "eb188bdfcb99cbe8c9a245f77d8ea576f0dc96882b6db88083eb2d30bc4930b8"
    assert marks[:2] == [before, before], "what was sent before there was the question is the same submission"
    assert marks[2] != before
    assert codes_of(GOOD | {"publish_name": "yes"}) == {"publish_name": "wrong_type"}


def test_what_the_sender_wrote_goes_to_the_matters_topic_and_the_title_to_the_contacts() -> None:
    """It stood in the lifecycle topic, which is kept for ever and from which nothing can be erased."""
    raw = GOOD | {"title": "Tieu de 1", "content": "Noi dung 2", "unit": "To 3", "place": {"description": "Ngo 4"}}
    for category in ("khac", "to-cao"):
        _, facts = registered(raw | {"category": category}, portal="cdvcqg")
        said = {
            fact.topics: [text for text in ("Tieu de 1", "Noi dung 2", "To 3", "Ngo 4") if text in fact.data]
            for fact in facts.values()
        }
        assert said.pop(("contacts",)) == ["Tieu de 1"]
        assert len(said.pop(("matters",), range(4))) == 4, "and nothing of a class that no agency gets"
        assert not any(said.values())


def test_a_portal_is_answered_in_its_own_topic_and_the_web_is_not() -> None:
    _, by_portal = registered(GOOD, portal="cdvcqg")
    assert by_portal["SubmissionRegistered"].topics == ("outbox.cdvcqg",)
    _, by_web = registered(GOOD)
    assert set(by_web) == {"FeedbackSubmitted", "ContactRecorded", "MatterRecorded"}


def test_the_same_draft_gives_the_same_facts_again() -> None:
    assert registered(GOOD, portal="cdvcqg") == registered(GOOD, portal="cdvcqg")


def test_an_agency_that_has_ended_is_addressed_through_its_successor_from_the_first_day_on() -> None:
    raw = GOOD | {"addressed_to": "binh-dinh"}
    zone = domain.ZoneInfo(VN.header.timezone)
    last = datetime(2025, 6, 30, 23, 59, tzinfo=zone)
    for at, agency in ((last, "binh-dinh"), (last + timedelta(minutes=1), "gia-lai")):
        _, facts = registered(raw, at=at)
        assert schemas.FeedbackSubmitted.model_validate_json(facts["FeedbackSubmitted"].data).addressed_to == agency


def test_the_day_of_a_code_is_the_local_one() -> None:
    assert domain.local_day(VN, datetime(2026, 3, 2, 16, 59, tzinfo=UTC)) == "20260302"
    assert domain.local_day(VN, datetime(2026, 3, 2, 17, 0, tzinfo=UTC)) == "20260303"


@pytest.mark.parametrize(
    ("claimed", "used", "faulty"),
    [
        (None, NOW, False),
        (NOW - timedelta(days=2), NOW - timedelta(days=2), False),
        (NOW - timedelta(days=4), NOW, True),
        (NOW + timedelta(minutes=4), NOW, False),
        (NOW + timedelta(minutes=6), NOW, True),
    ],
)
def test_a_portal_cannot_choose_the_day_from_which_the_agency_counts(
    claimed: datetime | None, used: datetime, faulty: bool
) -> None:
    moment, faults = domain.sent_time(claimed, NOW)
    assert moment == used
    assert [fault.field for fault in faults] == (["sent_at"] if faulty else [])


def test_the_secret_is_the_feedbacks_own_and_the_installations_own() -> None:
    secret = domain.lookup_secret("key", FEEDBACK_ID)
    assert secret == domain.lookup_secret("key", FEEDBACK_ID)
    assert secret != domain.lookup_secret("another key", FEEDBACK_ID)
    assert secret != domain.lookup_secret("key", schemas.derived_id("x", "feedback"))
    assert len(secret) >= 24


@pytest.mark.parametrize("name", ["FeedbackAssigned", "FeedbackSupplemented"])
def test_a_day_that_no_longer_holds_is_not_shown_until_the_next_one_is_counted(name: str) -> None:
    event = {
        "FeedbackAssigned": schemas.FeedbackAssigned.model_construct(agency="da-nang", unit=None, previous_agency="gia-lai"),
        "FeedbackSupplemented": schemas.FeedbackSupplemented.model_construct(),
    }[name]
    assert shown.view_changes(name, event)["due"] is None


@pytest.mark.parametrize("ending", ["MoreRequested", "FeedbackNotAccepted"])
@pytest.mark.parametrize("late", [False, True], ids=["as decided", "the day was counted a moment later"])
def test_no_due_day_is_shown_where_no_agency_owes_an_answer(ending: str, late: bool) -> None:
    """The page once held an agency to a day after it had refused the case, or while it waited for the sender."""
    feedback, _ = registered(GOOD)
    names = ["FeedbackAssigned", ending, "DeadlinesChanged"] if late else ["FeedbackAssigned", "DeadlinesChanged", ending]
    for name in names:
        event = clock_change("set") if name == "DeadlinesChanged" else example(name)
        feedback = feedback.model_copy(update=shown.view_changes(name, event))
    assert feedback.due
    for view in (shown.public_view(feedback), shown.private_view(feedback)):
        assert (view.state, view.due) == (feedback.state, None)


def test_the_day_of_a_published_reply_stays_shown() -> None:
    feedback, _ = registered(GOOD)
    # The example closes the clock of the reply and sets that of the publication.
    answered = [(name, example(name)) for name in ("FeedbackReplied", "DeadlinesChanged", "ReplyPublished")]
    for name, event in [("FeedbackAssigned", example("FeedbackAssigned")), ("DeadlinesChanged", clock_change("set")), *answered]:
        feedback = feedback.model_copy(update=shown.view_changes(name, event))
    assert shown.public_view(feedback).due == feedback.due
    assert feedback.due


def test_a_portals_own_fields_are_in_order() -> None:
    _, faults = domain.check(VN, GOOD | {"sent_at": NOW.isoformat(), "reference": "1"}, PortalSubmission)
    assert faults == []
