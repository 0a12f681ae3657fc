"""Which letters follow from a fact, what they wait for, and what an outcome means."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from pakn.packs.letters import Letter as Moment
from pakn.packs.letters import Letters
from schemas import Envelope, derived_id
from services.notify import domain
from services.notify.announcements import announcement
from tests.support.examples import clock_change, example

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


def event(name: str, **changes: Any) -> Any:
    return example(name, **{"feedback_id": CASE_ID, "code": CODE, "agency": "a.one"} | changes)


def assigned(agency: str, previous: str | None = None) -> Any:
    return event("FeedbackAssigned", agency=agency, previous_agency=previous)


def told(kind: str, **changes: Any) -> Any:
    """The fact that a clock was set, met ...: that of the limit for the reply."""
    return clock_change(kind, {"feedback_id": CASE_ID, "code": CODE}, **{"agency": "a.one"} | changes)


def news_of(event: BaseModel) -> domain.News:
    name = type(event).__name__
    envelope = Envelope(f"id-{name}", f"pakn.{name}.v1", name, "/test", NOW, CASE_ID, "")
    return domain.follow(LETTERS, "1+abc", envelope, event, NOW)


def letter_of(event: BaseModel) -> domain.Letter:
    (letter,) = news_of(event).letters
    return letter


def readiness(letter: domain.Letter, case: domain.Case, now: datetime) -> domain.Settlement | None:
    return domain.readiness(letter, case, now, address=case.contact.email if case.contact else None)


KNOWN = domain.Case(
    contact=domain.Contact("A", "a@example.org", "vi", "s"),
    contact_known=True,
    deadline=domain.Deadline("a.one", "handle_reply", "rs", "Article 45", NOW.date(), False, "x"),
)


def test_a_fact_gives_the_letters_that_the_pack_names_for_it() -> None:
    letter = letter_of(event("FeedbackSubmitted"))
    assert (letter.moment, letter.code, letter.cause) == ("received", CODE, "id-FeedbackSubmitted")
    assert letter.id == derived_id("id-FeedbackSubmitted", "email/received")
    assert letter == letter_of(event("FeedbackSubmitted"))
    assert news_of(told("set")).letters == ()


def test_a_moment_gives_a_letter_by_each_of_its_channels_that_has_a_server() -> None:
    moments = {"received": Moment(event="FeedbackSubmitted", channels=("email", "sms"))}
    letters = Letters(version="1", phone_region="VN", moments=moments)
    envelope = Envelope("id-1", "pakn.FeedbackSubmitted.v1", "FeedbackSubmitted", "/test", NOW, CASE_ID, "")
    submitted = event("FeedbackSubmitted")
    both = domain.follow(letters, "1", envelope, submitted, NOW, frozenset({"email", "sms"})).letters
    assert [(letter.channel, letter.id) for letter in both] == [
        (channel, derived_id("id-1", f"{channel}/received")) for channel in ("email", "sms")
    ]
    assert [letter.channel for letter in domain.follow(letters, "1", envelope, submitted, NOW).letters] == ["email"]


def test_a_text_needs_a_number_and_its_fact_says_what_it_costs() -> None:
    text = replace(letter_of(event("MoreRequested")), channel="sms", parts=3)
    assert domain.readiness(text, KNOWN, NOW, address="+84912345678") is None
    ends = domain.readiness(text, KNOWN, NOW, address=None)
    assert ends is not None
    assert (ends.state, ends.reason, ends.announced) == ("undeliverable", "no mobile number", False)
    said = json.loads(announcement(text, "sent", "", NOW).data)
    assert (said["channel"], said["parts"]) == ("sms", 3)
    assert json.loads(announcement(text, "failed", "x", NOW).data)["channel"] == "sms"


def test_a_letter_about_a_rule_follows_only_from_facts_about_that_rule() -> None:
    assert [letter.moment for letter in news_of(event("FeedbackOverdue", rule="handle_reply")).letters] == ["overdue"]
    assert news_of(event("FeedbackOverdue", rule="publish")).letters == ()


def test_the_case_keeps_of_a_contact_only_what_a_letter_needs() -> None:
    recorded = event("ContactRecorded")
    needed = {"name", "email", "phone", "language", "lookup_secret", "email_confirmed", "email_confirmation_token", "title"}
    kept = recorded.model_dump(include=needed)
    assert news_of(recorded).case["contact"] == kept


def test_a_new_agency_ends_what_is_known_of_the_deadline_and_a_move_inside_one_does_not() -> None:
    """The letter about the new agency once could carry the former one's due date."""
    assert news_of(assigned("a.two", "a.one")).case["deadline"] is None
    assert "deadline" not in news_of(assigned("a.one", "a.one")).case


def test_only_the_limit_for_the_reply_is_told_to_the_sender() -> None:
    assert news_of(told("set", article="Article 45")).case["deadline"]["article"] == "Article 45"
    assert news_of(told("set", rule="refuse")) == domain.News()


def test_contacts_deadlines_and_tombstones_let_waiting_letters_go() -> None:
    for news in (event("ContactRecorded", email=None), told("set"), told("not_counted")):
        assert news_of(news).releases
    for news in (told("not_counted", rule="refuse"), told("met"), told("cancelled")):
        assert news_of(news) == domain.News()
    assert not news_of(event("FeedbackSubmitted")).releases
    assert domain.ERASED.releases


def test_the_letter_about_the_agency_waits_for_its_due_date_but_not_for_ever() -> None:
    letter = letter_of(assigned("a.one"))
    assert domain.start(letter, {}).waiting
    assert not domain.start(letter, news_of(told("set")).case).waiting
    without = domain.Case(contact=KNOWN.contact, contact_known=True)
    waits = readiness(letter, without, NOW)
    assert waits is not None
    assert waits.next_try_at == NOW + domain.DEADLINE_WAIT
    assert readiness(letter, KNOWN, NOW) is None
    assert readiness(letter, without, NOW + domain.DEADLINE_WAIT) is None


def test_the_letter_about_the_agency_waits_for_no_day_that_will_not_come() -> None:
    """At the end of a year without the next one's calendar every such letter once waited ten minutes."""
    letter = letter_of(assigned("a.one"))
    uncounted = news_of(told("not_counted")).case
    assert not domain.start(letter, uncounted).waiting
    case = domain.Case(contact=KNOWN.contact, contact_known=True, **uncounted)
    assert readiness(letter, case, NOW) is None
    # Another agency has a clock of its own, of which nothing is known yet.
    moved = replace(case, uncounted=news_of(assigned("a.two", "a.one")).case["uncounted"])
    assert readiness(letter, moved, NOW) is not None
    assert news_of(told("set")).case["uncounted"] is False


def test_a_move_inside_an_agency_and_a_receipt_wait_for_no_due_date() -> None:
    assert not domain.start(letter_of(assigned("a.one", "a.one")), {}).waiting
    assert not domain.start(letter_of(event("FeedbackSubmitted")), {}).waiting


def test_a_letter_waits_for_its_contact_and_is_given_up_as_a_fact_after_three_days() -> None:
    letter = letter_of(event("FeedbackSubmitted"))
    pauses = []
    for age in (timedelta(0), timedelta(seconds=30), timedelta(hours=5)):
        waits = readiness(letter, domain.Case(), NOW + age)
        assert waits is not None
        assert waits.next_try_at is not None
        assert (waits.state, waits.waiting) == ("queued", True)
        pauses.append((waits.next_try_at - NOW - age).total_seconds())
    assert pauses == [1, 30, 600]
    ends = readiness(letter, domain.Case(), NOW + domain.CONTACT_WAIT)
    assert ends is not None
    assert (ends.state, ends.announced) == ("undeliverable", True)


@pytest.mark.parametrize(
    "case", [domain.Case(contact_known=True), domain.Case(contact=domain.Contact("A", None, "vi", "s"), contact_known=True)]
)
def test_who_gave_no_address_or_was_erased_is_not_written_to_and_that_is_no_fact(case: domain.Case) -> None:
    ends = readiness(letter_of(event("FeedbackSubmitted")), case, NOW)
    assert ends is not None
    assert (ends.state, ends.announced) == ("undeliverable", False)


def settle(letter: domain.Letter, result: domain.Result, now: datetime = NOW) -> domain.Settlement:
    return domain.settle(letter, result, "r", now, backoff=timedelta(seconds=5))


@pytest.mark.parametrize("result", ["retry", "unreachable"])
def test_a_letter_that_is_put_off_is_tried_for_days_with_growing_pauses_and_then_fails(result: domain.Result) -> None:
    """Greylisting for four hours once ended in a failure after twelve attempts; a night without a server used up every letter."""
    # How long the letter waited for its contact before is no part of it.
    now, pauses = NOW + timedelta(days=2), []
    letter = replace(letter_of(event("FeedbackSubmitted")), created_at=NOW)
    while (tried := settle(letter, result, now)).state == "queued":
        assert tried.next_try_at
        pauses.append(tried.next_try_at - now)
        now = tried.next_try_at
        letter = replace(letter, attempts=tried.attempts, tried_since=tried.tried_since)
    assert (tried.state, tried.announced) == ("failed", True)
    assert timedelta(0) <= now - NOW - timedelta(days=2) - domain.TRIED_FOR <= timedelta(hours=1)
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (timedelta(seconds=5), timedelta(hours=1))
    assert len(pauses) < 150
    assert tried.attempts == (len(pauses) + 1 if result == "retry" else 0)


def test_an_outcome_gives_one_fact_that_names_no_address() -> None:
    letter = letter_of(event("MoreRequested"))
    sent = announcement(letter, "sent", "", NOW)
    assert sent == announcement(letter, "sent", "", NOW)
    assert (sent.name, sent.subject, sent.cause, sent.topics) == ("NotificationSent", CASE_ID, "id-MoreRequested", ("feedback",))
    failed = announcement(letter, "failed", "data: 550", NOW)
    again = announcement(_tried(letter, 1), "failed", "data: 550", NOW)
    assert len({sent.id, failed.id, again.id}) == 3


def test_a_refusal_at_intake_still_tells_the_case_what_a_letter_needs() -> None:
    refused = event("FeedbackNotAccepted", category="kn", submitted_at=NOW)
    assert news_of(refused).case == {"category": "kn", "submitted_at": NOW}


def _tried(letter: domain.Letter, attempts: int) -> domain.Letter:
    return replace(letter, attempts=attempts)
