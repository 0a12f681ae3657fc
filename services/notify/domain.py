"""Decides which letters follow from a fact, what a letter waits for, and what becomes of it. Pure.

Only the letter about an assignment waits for a deadline. The same fact opens the clock, so a `DeadlinesChanged` follows on the
same partition a moment later, which has set the clock or says that no calendar reaches its last day yet. The letter is sent as
soon as that comes, and without a deadline after `DEADLINE_WAIT`. The receipt never waits.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel

from pakn.packs.letters import Letters
from schemas import (
    ContactRecorded,
    DeadlineMoved,
    DeadlinesChanged,
    Envelope,
    FeedbackAssigned,
    FeedbackNotAccepted,
    FeedbackSubmitted,
    derived_id,
)
from schemas.day_count import DayCount
from schemas.values import REPLY_RULES, LetterChannel

EMAIL_ALONE: frozenset[LetterChannel] = frozenset({"email"})
CONTACT_WAIT = timedelta(days=3)
DEADLINE_WAIT = timedelta(minutes=10)
# A mail server that is away, or that says "later" (greylisting), is no fault of the letter. After so long a person has to decide.
TRIED_FOR = timedelta(days=3)
# Why a letter waits for the next day.
ADDRESS_FULL = "the address has had its letters of the day"
DAY_FULL = "the text messages of the day are used up"
_BACKOFF_MAX = timedelta(hours=1)
_CONTACT_LOOK_MIN, _CONTACT_LOOK_MAX = timedelta(seconds=1), timedelta(minutes=10)
_NO_ADDRESS: Mapping[LetterChannel, str] = {"email": "no email address", "sms": "no mobile number"}
# Letters keep an event without these: the case has the count.
_NOT_KEPT = {"count"}
# Events that say something of a case, whether or not the pack has a letter for them.
CASE_EVENTS = frozenset(
    {
        *("FeedbackSubmitted", "FeedbackNotAccepted", "FeedbackAssigned", "ContactRecorded"),
        *("DeadlinesChanged", "DeadlineMoved"),
    }
)

State = Literal["queued", "sending", "sent", "uncertain", "failed", "undeliverable"]
# The mailer settles the first two, a person the last two.
TO_BE_SETTLED: tuple[State, ...] = ("queued", "sending", "uncertain", "failed")


@dataclass(frozen=True, slots=True)
class Contact:
    """The part of a sender's contact that a letter needs. `email_confirmed`: the address is known to be the sender's."""

    name: str | None
    email: str | None
    language: str
    lookup_secret: str | None
    email_confirmed: bool = False
    email_confirmation_token: str | None = None
    title: str | None = None
    phone: str | None = None


@dataclass(frozen=True, slots=True)
class Deadline:
    """The last known limit for handling and replying."""

    agency: str
    rule: str
    rule_set: str
    article: str
    due_date: date
    verified: bool
    count: DayCount


@dataclass(frozen=True, slots=True)
class Case:
    """What letters say about a case. `contact_known` is also true if the contact has been erased.

    `uncounted`: no deadline is known, and none comes for now, since no calendar reaches its last day.
    """

    category: str = ""
    submitted_at: datetime | None = None
    agency: str | None = None
    deadline: Deadline | None = None
    uncounted: bool = False
    contact: Contact | None = None
    contact_known: bool = False


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter as it was decided, on an event of the CloudEvents type `event_type` with the JSON values `event`.

    `token` is random, and nobody has it but who has the letter. `parts` is what a text message that was sent is charged as.
    `created_at` is the machine's time, and `tried_since` that of the first try that came to nothing.
    """

    id: str
    feedback_id: str
    code: str
    moment: str
    cause: str
    event_type: str
    event: Mapping[str, Any]
    agency: str | None
    needs_deadline: bool
    template_version: str
    created_at: datetime
    token: str = ""
    attempts: int = 0
    tried_since: datetime | None = None
    channel: LetterChannel = "email"
    parts: int | None = None


@dataclass(frozen=True, slots=True)
class Settlement:
    """What becomes of a letter. `next_try_at` is set for a queued one; `announced`: a fact says so.

    Without `attempts` the letter keeps its number, so that a second failure is another fact than the first. Of a queued letter
    `tried_since` is when the days began in which it is tried; none if they begin with the next try that comes to nothing.
    """

    state: State
    reason: str = ""
    next_try_at: datetime | None = None
    waiting: bool = False
    attempts: int | None = None
    announced: bool = False
    tried_since: datetime | None = None
    parts: int | None = None


@dataclass(frozen=True, slots=True)
class News:
    """What follows from one fact: letters, changed fields of the case, and whether waiting letters may be sent.

    `case` applies once, in the order of the facts: a fact that is read again must not undo a later one.
    """

    letters: tuple[Letter, ...] = ()
    case: Mapping[str, Any] = field(default_factory=dict)
    releases: bool = False


# What follows from a tombstone in the topic of contacts: the contact is erased, and no letter waits for it.
ERASED = News(case={"contact": None, "contact_known": True}, releases=True)


def wanted(letters: Letters) -> frozenset[str]:
    """The names of the events that matter with these letters."""
    return CASE_EVENTS | {letter.event for letter in letters.moments.values()}


def follow(
    letters: Letters,
    version: str,
    envelope: Envelope,
    event: BaseModel,
    now: datetime,
    channels: frozenset[LetterChannel] = EMAIL_ALONE,
) -> News:
    """What follows from a fact: for each moment a letter by each of its channels that is among `channels`.

    `version` is that of the templates, which each letter keeps; `now` is the machine's time.
    """
    due = [
        (channel, moment)
        for moment, letter in letters.moments.items()
        if letter.event == envelope.name and letter.rule in (None, getattr(event, "rule", None))
        for channel in letter.channels
        if channel in channels
    ]
    written = tuple(_letter(channel, moment, version, envelope, event, now) for channel, moment in due)
    case = _case_news(event)
    releases = "contact_known" in case or case.get("deadline") is not None or case.get("uncounted", False)
    return News(written, case, releases)


def _letter(channel: LetterChannel, moment: str, version: str, envelope: Envelope, event: BaseModel, now: datetime) -> Letter:
    # A move between units of one agency opens no clock, so its letter must not wait for one.
    opens_clock = isinstance(event, FeedbackAssigned) and event.previous_agency != event.agency
    data = event.model_dump(mode="json", exclude=_NOT_KEPT)
    return Letter(
        id=derived_id(envelope.id, f"{channel}/{moment}"),
        feedback_id=data["feedback_id"],
        code=data["code"],
        moment=moment,
        cause=envelope.id,
        event_type=envelope.type,
        event=data,
        agency=data.get("agency"),
        needs_deadline=opens_clock,
        template_version=version,
        created_at=now,
        channel=channel,
    )


def _case_news(event: BaseModel) -> dict[str, Any]:
    """The fields of the case that an event changes."""
    match event:
        case FeedbackSubmitted() | FeedbackNotAccepted():
            return event.model_dump(include={"category", "submitted_at"})
        case FeedbackAssigned():
            # The former agency's due date must not stand in the letter about the new one.
            reset = {} if event.previous_agency == event.agency else {"deadline": None, "uncounted": False}
            return event.model_dump(include={"category", "submitted_at", "agency"}) | reset
        case DeadlinesChanged():
            if reply := next((clock for clock in event.set if clock.rule in REPLY_RULES), None):
                return _known_deadline(reply)
            if any(clock.rule in REPLY_RULES for clock in event.not_counted):
                return {"deadline": None, "uncounted": True}
        case DeadlineMoved() if event.rule in REPLY_RULES:
            return _known_deadline(event)
        case ContactRecorded():
            kept = {"name", "email", "language", "lookup_secret", "email_confirmed", "email_confirmation_token", "title", "phone"}
            return {"contact": event.model_dump(mode="json", include=kept), "contact_known": True}
    return {}


def _known_deadline(clock: BaseModel) -> dict[str, Any]:
    kept = {"agency", "rule", "rule_set", "article", "due_date", "verified", "count"}
    return {"deadline": clock.model_dump(mode="json", include=kept), "uncounted": False}


def start(letter: Letter, case: Mapping[str, Any]) -> Settlement:
    """The first state of a letter: due now, or waiting for its deadline. `case` has the fields known from the same batch."""
    waits = letter.needs_deadline and case.get("deadline") is None and not case.get("uncounted")
    due_at = letter.created_at + DEADLINE_WAIT if waits else letter.created_at
    return Settlement("queued", next_try_at=due_at, waiting=waits)


def readiness(letter: Letter, case: Case, now: datetime, *, address: str | None, bounced: bool = False) -> Settlement | None:
    """None if the letter can be sent now; otherwise what becomes of it. `now` is the machine's time.

    `address` is where the letter's channel reaches the sender; `bounced`: an earlier letter came back from there.
    """
    age = now - letter.created_at
    if not case.contact_known:
        if age >= CONTACT_WAIT:
            return Settlement("undeliverable", "no contact came", announced=True)
        wait = min(max(age, _CONTACT_LOOK_MIN), _CONTACT_LOOK_MAX)
        return Settlement("queued", next_try_at=now + wait, waiting=True, tried_since=letter.tried_since)
    if case.contact is None or not address:
        # The sender gave no address, so this is no failure and no fact.
        return Settlement("undeliverable", _NO_ADDRESS[letter.channel])
    if bounced:
        return Settlement("undeliverable", "an earlier letter came back from the address", announced=True)
    if letter.needs_deadline and case.deadline is None and not case.uncounted and age < DEADLINE_WAIT:
        due_at = letter.created_at + DEADLINE_WAIT
        return Settlement("queued", next_try_at=due_at, waiting=True, tried_since=letter.tried_since)
    return None


def day_end(now: datetime) -> datetime:
    """When the day (UTC) of a moment of the machine's time is over."""
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def held(letter: Letter, now: datetime, reason: str = ADDRESS_FULL) -> Settlement:
    """A letter above a bound of the day is no failure: it waits for the next day. `now` is the machine's time."""
    return Settlement("queued", reason, next_try_at=day_end(now), tried_since=letter.tried_since)


Result = Literal["sent", "retry", "unreachable", "failed", "uncertain"]


def settle(letter: Letter, result: Result, reason: str, now: datetime, *, backoff: timedelta) -> Settlement:
    """What becomes of a letter after a try; `backoff` is the first pause, `now` the machine's time.

    What the server puts off, or what does not reach it, is tried for `TRIED_FOR` after the first such try.
    """
    tried = letter.attempts + (result != "unreachable")
    if result == "sent":
        return Settlement("sent", attempts=tried, announced=True)
    since = letter.tried_since or now
    age = now - since
    if result in ("failed", "uncertain") or age >= TRIED_FOR:
        return Settlement("uncertain" if result == "uncertain" else "failed", reason, attempts=tried, announced=True)
    # Pauses double for a server that says "later"; one that was away is to be found again soon after it is back.
    pause = min(max(backoff, age if result == "retry" else age / 8), _BACKOFF_MAX)
    return Settlement("queued", reason, next_try_at=now + pause, attempts=tried, tried_since=since)


def queue_anew(reason: str, next_try_at: datetime) -> Settlement:
    """A letter that is no longer to be blamed for its tries in vain: the days in which it is tried begin again."""
    return Settlement("queued", reason, next_try_at=next_try_at, tried_since=None)
