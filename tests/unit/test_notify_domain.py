"""Which letters follow from a fact, what they wait for, and what an outcome means."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import BaseModel

from pakn.packs.models import Letter as Moment
from pakn.packs.models import Letters
from schemas import (
    ContactRecorded,
    DeadlineSet,
    Envelope,
    FeedbackAssigned,
    FeedbackNotAccepted,
    FeedbackOverdue,
    FeedbackSubmitted,
    MoreRequested,
    derived_id,
)
from services.notify import domain

NOW = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
CASE_ID = "01890a5d-ac96-774b-bcce-b302099a8057"
CODE = "PAKN.20260302.0001"
LETTERS = Letters(
    version="1",
    moments={
        "received": Moment(event="FeedbackSubmitted"),
        "assigned": Moment(event="FeedbackAssigned"),
        "more_requested": Moment(event="MoreRequested"),
        "overdue": Moment(event="FeedbackOverdue", rule="handle_reply"),
    },
)
COUNT = {"started_on": "2026-03-02", "limit": 15, "unit": "working_days"}
COMMON = {"feedback_id": CASE_ID, "code": CODE}
MATTER = {"category": "pk-01", "title": "Đèn đường hỏng", "content": "Số nhà 12, ông Nguyễn Văn A", "submitted_at": NOW}


def submitted() -> FeedbackSubmitted:
    return FeedbackSubmitted.model_validate(COMMON | MATTER | {"channel": "web", "language": "vi", "received_at": NOW})


def assigned(agency: str, previous: str | None = None) -> FeedbackAssigned:
    rest = {"agency": agency, "previous_agency": previous, "rule": "by-province", "table_version": "1", "reason": "r"}
    return FeedbackAssigned.model_validate(COMMON | MATTER | rest | {"assigned_at": NOW})


def deadline_set(rule: str = "handle_reply", agency: str = "a.one") -> DeadlineSet:
    return DeadlineSet.model_validate(
        COMMON
        | {"clock_id": "c1", "rule": rule, "agency": agency, "started_at": NOW, "due_at": NOW, "due_date": "2026-03-23"}
        | {"count": COUNT, "rule_set": "rs", "article": "Article 45", "verified": False}
        | {"calendar_version": "1"}
    )


def overdue(rule: str) -> FeedbackOverdue:
    rest = {"clock_id": "c1", "rule": rule, "agency": "a.one", "due_at": NOW, "due_date": "2026-03-23", "times": 0}
    return FeedbackOverdue.model_validate(COMMON | rest | {"count": COUNT, "verified": False})


def contact(email: str | None) -> ContactRecorded:
    return ContactRecorded.model_validate(
        COMMON | {"name": "A", "phone": "0900", "address": "12", "email": email, "language": "vi", "lookup_secret": "s"}
    )


def news_of(event: BaseModel) -> domain.News:
    name = type(event).__name__
    envelope = Envelope(f"id-{name}", f"pakn.{name}.v1", name, "/test", NOW, CASE_ID, "")
    return domain.follow(LETTERS, "1+abc", envelope, event, NOW)


def letter_of(event: BaseModel) -> domain.Letter:
    (letter,) = news_of(event).letters
    return letter


KNOWN = domain.Case(
    contact=domain.Contact("A", "a@example.org", "vi", "s"),
    contact_known=True,
    deadline=domain.Deadline("a.one", "handle_reply", "rs", "Article 45", NOW.date(), False, "x"),
)


def test_a_fact_gives_the_letters_that_the_pack_names_for_it() -> None:
    letter = letter_of(submitted())
    assert (letter.moment, letter.code, letter.cause) == ("received", CODE, "id-FeedbackSubmitted")
    assert letter.id == derived_id("id-FeedbackSubmitted", "email/received")
    assert letter == letter_of(submitted())
    assert news_of(deadline_set()).letters == ()


def test_a_letter_about_a_rule_follows_only_from_facts_about_that_rule() -> None:
    assert [letter.moment for letter in news_of(overdue("handle_reply")).letters] == ["overdue"]
    assert news_of(overdue("publish")).letters == ()


def test_a_letter_keeps_nothing_of_what_the_citizen_wrote_but_the_title() -> None:
    for event in (submitted(), assigned("a.one")):
        assert "Nguyễn Văn A" not in repr(letter_of(event))


def test_the_case_keeps_of_a_contact_only_what_a_letter_needs() -> None:
    kept = news_of(contact("a@example.org")).case["contact"]
    assert kept == {"name": "A", "email": "a@example.org", "language": "vi", "lookup_secret": "s"}


def test_a_new_agency_ends_what_is_known_of_the_deadline_and_a_move_inside_one_does_not() -> None:
    """The letter about the new agency once could carry the former one's due date."""
    assert news_of(assigned("a.two", "a.one")).case["deadline"] is None
    assert "deadline" not in news_of(assigned("a.one", "a.one")).case


def test_only_the_limit_for_the_reply_is_told_to_the_sender() -> None:
    assert news_of(deadline_set()).case["deadline"]["article"] == "Article 45"
    assert news_of(deadline_set("refuse")) == domain.News()


def test_contacts_deadlines_and_tombstones_let_waiting_letters_go() -> None:
    assert [news_of(event).releases for event in (contact(None), deadline_set(), submitted())] == [True, True, False]
    assert domain.erased().releases


def test_the_letter_about_the_agency_waits_for_its_due_date_but_not_for_ever() -> None:
    letter = letter_of(assigned("a.one"))
    assert domain.start(letter, {}).waiting
    assert not domain.start(letter, news_of(deadline_set()).case).waiting
    without = domain.Case(contact=KNOWN.contact, contact_known=True)
    waits = domain.readiness(letter, without, NOW)
    assert waits is not None
    assert waits.next_try_at == NOW + domain.DEADLINE_WAIT
    assert domain.readiness(letter, KNOWN, NOW) is None
    assert domain.readiness(letter, without, NOW + domain.DEADLINE_WAIT) is None


def test_a_move_inside_an_agency_and_a_receipt_wait_for_no_due_date() -> None:
    assert not domain.start(letter_of(assigned("a.one", "a.one")), {}).waiting
    assert not domain.start(letter_of(submitted()), {}).waiting


def test_a_letter_waits_for_its_contact_and_is_given_up_as_a_fact_after_three_days() -> None:
    letter = letter_of(submitted())
    pauses = []
    for age in (timedelta(0), timedelta(seconds=30), timedelta(hours=5)):
        waits = domain.readiness(letter, domain.Case(), NOW + age)
        assert waits is not None
        assert waits.next_try_at is not None
        assert (waits.state, waits.waiting) == ("queued", True)
        pauses.append((waits.next_try_at - NOW - age).total_seconds())
    assert pauses == [1, 30, 600]
    ends = domain.readiness(letter, domain.Case(), NOW + domain.CONTACT_WAIT)
    assert ends is not None
    assert (ends.state, ends.announced) == ("undeliverable", True)


@pytest.mark.parametrize(
    "case", [domain.Case(contact_known=True), domain.Case(contact=domain.Contact("A", None, "vi", "s"), contact_known=True)]
)
def test_who_gave_no_address_or_was_erased_is_not_written_to_and_that_is_no_fact(case: domain.Case) -> None:
    ends = domain.readiness(letter_of(submitted()), case, NOW)
    assert ends is not None
    assert (ends.state, ends.announced) == ("undeliverable", False)


def settle(letter: domain.Letter, result: domain.Result, now: datetime = NOW) -> domain.Settlement:
    return domain.settle(letter, result, "r", now, attempts=3, backoff=timedelta(seconds=5))


def test_refusals_for_now_are_tried_again_with_growing_pauses_up_to_the_limit() -> None:
    letter = letter_of(submitted())
    first = settle(letter, "retry")
    assert (first.state, first.next_try_at, first.attempts, first.announced) == ("queued", NOW + timedelta(seconds=5), 1, False)
    second = settle(_tried(letter, 1), "retry")
    assert second.next_try_at == NOW + timedelta(seconds=10)
    last = settle(_tried(letter, 2), "retry")
    assert (last.state, last.announced) == ("failed", True)


def test_a_mail_server_that_is_away_uses_up_no_letter() -> None:
    """With a limit of attempts alone, a server that was down for a night made every letter of that night fail."""
    letter = _tried(letter_of(submitted()), 50)
    away = settle(letter, "unreachable", NOW + timedelta(days=1))
    assert (away.state, away.next_try_at) == ("queued", NOW + timedelta(days=1, hours=1))
    assert settle(letter, "unreachable", NOW + domain.UNREACHABLE_LIMIT).state == "failed"


def test_an_outcome_gives_one_fact_that_names_no_address() -> None:
    letter = letter_of(
        MoreRequested.model_validate(COMMON | {"agency": "a.one", "actor": "u1", "question": "?", "requested_at": NOW})
    )
    sent = domain.announcement(letter, "sent", "", NOW, "<m@x>")
    assert sent == domain.announcement(letter, "sent", "", NOW, "<m@x>")
    assert (sent.name, sent.subject, sent.cause, sent.topics) == ("NotificationSent", CASE_ID, "id-MoreRequested", ("feedback",))
    failed = domain.announcement(letter, "failed", "data: 550", NOW, "<m@x>")
    again = domain.announcement(_tried(letter, 1), "failed", "data: 550", NOW, "<m@x>")
    assert len({sent.id, failed.id, again.id}) == 3


def test_a_refusal_at_intake_still_tells_the_case_what_a_letter_needs() -> None:
    event = FeedbackNotAccepted.model_validate(
        COMMON | {"category": "kn", "refused_by": "intake", "reason": "r", "submitted_at": NOW, "decided_at": NOW}
    )
    assert news_of(event).case == {"category": "kn", "submitted_at": NOW}


def _tried(letter: domain.Letter, attempts: int) -> domain.Letter:
    return replace(letter, attempts=attempts)
