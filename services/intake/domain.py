"""Decisions of the citizens' side: is a submission in order, and what does it become. Pure."""

import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError

import schemas
from pakn.packs.load import Pack
from pakn.packs.models import Category
from schemas import Fact, topics
from schemas.composed import is_certainly_longer, nfc
from schemas.portal_submission import Sender, Submission
from schemas.values import Attachment, Channel, Fault, faults_of
from services.intake import answers, fingerprints, nearby
from services.intake.feedback import SOURCE, Feedback, Recorded, SenderDetails

# A portal may hand over what was sent while its line was down; older dates would let it choose the agency's limit.
MAX_PORTAL_DELAY = timedelta(days=3)
CLOCK_TOLERANCE = timedelta(minutes=5)
# The first bytes of a file tell its type.
HEAD_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class File:
    """A file as it came in. `content` is there where a door holds the whole file and nothing of it is stored yet."""

    name: str
    id: str
    size: int
    sha256: str
    head: bytes
    content: bytes | None = None
    scanned: bool = False


def whole_file(feedback_id: str, index: int, name: str, content: bytes) -> File:
    """A file that is held whole. Its id is derived, so that a submission that comes again stores nothing twice.

    It is bound to the content too: other bytes under the same name in a second try are another file.
    """
    return held_file(f"{feedback_id}-{index}-{hashlib.sha256(content).hexdigest()[:16]}", name, content)


def held_file(file_id: str, name: str, content: bytes) -> File:
    """A file with this id and content."""
    return File(name, file_id, len(content), hashlib.sha256(content).hexdigest(), content[:HEAD_BYTES], content)


def feedback_id(cause: str) -> str:
    """The id of the feedback that a submission becomes."""
    return schemas.derived_id(cause, "feedback")


@dataclass(frozen=True, slots=True)
class Arrival:
    """A submission as a door took it in, not checked yet.

    `submission` is the document as sent, or as `model` where the door has read it already. `cause` is derived from the sender's
    own id, where there is one, and that id was given in `id_field`. `faults` are those that the door itself found.
    """

    submission: Submission | Mapping[str, Any]
    channel: Channel
    cause: str
    submission_id: str
    id_field: str
    received_at: datetime
    model: type[Submission] = Submission
    files: Sequence[File] = ()
    portal: str | None = None
    network: str = ""
    reference: str | None = None
    sent_at: datetime | None = None
    faults: Sequence[Fault] = ()

    @property
    def feedback_id(self) -> str:
        """The id of the feedback that this becomes; the same for the same cause."""
        return feedback_id(self.cause)


@dataclass(frozen=True, slots=True)
class Draft:
    """A submission in order, before it has a code."""

    arrival: Arrival
    submission: Submission
    category: Category
    language: str
    attachments: tuple[Attachment, ...]
    submitted_at: datetime

    @property
    def fingerprint(self) -> str:
        """What tells whether a repeated submission is the same one: its values and its files, however both were written down."""
        return fingerprints.of_submission(self.submission, self.language, (file.sha256 for file in self.arrival.files))


def draft(pack: Pack, arrival: Arrival, submission: Submission, files: tuple[Attachment, ...], submitted_at: datetime) -> Draft:
    """The draft of a submission that `check` found in order; the category and the language are settled here."""
    category = find_category(pack, submission.category)
    assert category is not None
    return Draft(arrival, submission, category, submission.language or pack.header.default_language, files, submitted_at)


def lookup_secret(key: str, feedback_id: str, number: int = 0) -> str:
    """The secret that opens a feedback's details, the sender's new one of this `number`: derived, so it is stored nowhere."""
    named = f"lookup/{feedback_id}/{number}" if number else f"lookup/{feedback_id}"
    return hmac.new(key.encode(), named.encode(), hashlib.sha256).hexdigest()[:24]


def confirmation_token(key: str, feedback_id: str) -> str:
    """What the link in a letter shows, and no answer: who has it reads the mail of this feedback's address."""
    return hmac.new(key.encode(), f"confirm/{feedback_id}".encode(), hashlib.sha256).hexdigest()[:32]


def find_category(pack: Pack, name: str) -> Category | None:
    """The category with this id, or with this name in another system's words (its aliases)."""
    name = "" if is_certainly_longer(name, 1000) else nfc(name.strip())
    return next((category for category in pack.categories if category.id == name or name in category.aliases), None)


def check(
    pack: Pack, given: Submission | Mapping[str, Any], model: type[Submission] = Submission
) -> tuple[Submission | None, list[Fault]]:
    """Read a submission as `model` and compare it with the pack: every fault at once, each with its field and what to do.

    Where its shape is wrong, the pack's rules look at the document as sent, so that they speak all the same.
    Law: Decision 31/2021/QĐ-TTg, Article 41 (what a feedback must have).
    """
    if isinstance(given, Submission):
        faults = [*_pack_faults(pack, dict(given))]
        return (None if faults else given), faults
    try:
        submission = model.model_validate(given)
    except ValidationError as error:
        faults = faults_of(error, "body")
        faulty = {fault.field for fault in faults}
        return None, [*faults, *(fault for fault in _pack_faults(pack, given) if fault.field not in faulty)]
    return check(pack, submission)


def _pack_faults(pack: Pack, values: Mapping[str, Any]) -> Iterator[Fault]:
    header = pack.header
    category = values.get("category")
    if isinstance(category, str) and find_category(pack, category) is None:
        yield _unknown("category", category, ", ".join(row.id for row in pack.categories))
    sender = values.get("sender")
    details = dict(sender) if isinstance(sender, Mapping | Sender) else {}
    for required in header.sender.required:
        if not details.get(required):
            yield Fault(field=f"sender.{required}", code="missing", message="is required here and missing")
    for field, limit in (("title", header.title_max), ("content", header.content_max)):
        value = values.get(field)
        if isinstance(value, str) and (is_certainly_longer(value, limit) or len(nfc(value.strip())) > limit):
            yield Fault(field=field, code="too_long", message=f"has more than {limit} characters; shorten it")
    levels = tuple(row.id for row in header.levels)
    for field, allowed in {"language": header.languages, "province": header.provinces, "level": levels}.items():
        value = values.get(field)
        if isinstance(value, str) and value not in allowed:  # What is no text is a fault of shape.
            yield _unknown(field, value, ", ".join(allowed) or "none: leave it out")
    agency = values.get("addressed_to")
    if isinstance(agency, str) and agency not in {row.id for row in pack.agencies}:
        yield Fault(
            field="addressed_to", code="unknown_agency", message=f"unknown agency {agency[:80]!r}; GET /v1/agencies lists them"
        )
    if isinstance(category, str) and (found := find_category(pack, category)):
        yield from answers.faults(found, values.get("answers"))


def _unknown(field: str, value: str, known: str) -> Fault:
    return Fault(field=field, code=f"unknown_{field}", message=f"unknown {field} {value[:80]!r}; use one of: {known}")


def sent_time(claimed: datetime | None, received_at: datetime) -> tuple[datetime, list[Fault]]:
    """When a submission was sent (ngày gửi): what the portal says, within bounds, or when the broker got it."""
    if claimed is None:
        return received_at, []
    if claimed > received_at + CLOCK_TOLERANCE:
        message = "lies in the future; correct the clock that it was taken from"
        return received_at, [Fault(field="sent_at", code="in_the_future", message=message)]
    if claimed < received_at - MAX_PORTAL_DELAY:
        message = f"is more than {MAX_PORTAL_DELAY.days} days old; register it anew today"
        return received_at, [Fault(field="sent_at", code="too_old", message=message)]
    return min(claimed, received_at), []


def local_day(pack: Pack, moment: datetime) -> str:
    """The day of a code, YYYYMMDD in the pack's time zone."""
    return moment.astimezone(ZoneInfo(pack.header.timezone)).strftime("%Y%m%d")


def register(pack: Pack, draft: Draft, code: str, secret: str, *, token: str | None = None) -> Feedback:
    """The feedback that a draft becomes, with the facts to publish.

    A class that is outside the procedure is registered too, as not accepted, with the reason and the right channel:
    the sender gets a code and a letter, and nothing is lost. `token` confirms his mail address, unless the portal vouches for
    its users.
    """
    arrival, submission, category = draft.arrival, draft.submission, draft.category
    portal = pack.portal(arrival.portal)
    # The reply on acceptance is a person's language; the portal gets the same words.
    reason = category.reason[draft.language] if not category.accepted and category.reason else None
    right_channel = category.channel[draft.language] if not category.accepted and category.channel else None
    feedback = Feedback(
        id=arrival.feedback_id,
        code=code,
        state="submitted" if category.accepted else "not_accepted",
        category=category.id,
        title=submission.title,
        content=submission.content,
        language=draft.language,
        sender=SenderDetails(**submission.sender.model_dump()),
        submitter_type=submission.submitter_type,
        publish_name=submission.publish_name,
        attachments=draft.attachments,
        named_unit=submission.unit,
        commune=submission.commune,
        answers=answers.recorded(category, submission.answers, draft.language),
        where=submission.place,
        channel=arrival.channel,
        portal=arrival.portal,
        submission_id=arrival.submission_id if arrival.portal else None,
        reference=arrival.reference if arrival.portal else None,
        reason=reason,
        right_channel=right_channel,
        submitted_at=draft.submitted_at,
        received_at=arrival.received_at,
        fingerprint=draft.fingerprint,
        listed_as="open" if category.accepted else None,
        updated_at=arrival.received_at,
        area=nearby.area(submission.province, submission.commune),
        square=nearby.square(submission.place),
    )
    facts = [_submitted(pack, draft, code) if category.accepted else _not_accepted(feedback, arrival)]
    contact = schemas.ContactRecorded(
        feedback_id=feedback.id,
        code=code,
        title=submission.title,
        language=draft.language,
        lookup_secret=secret,
        email_confirmed=portal is not None and portal.verified_contacts,
        email_confirmation_token=token,
        **submission.sender.model_dump(),
    )
    facts.append(_fact(arrival, contact, arrival.received_at, topics.CONTACTS))
    if arrival.portal:
        registered = schemas.SubmissionRegistered(
            feedback_id=feedback.id,
            portal=arrival.portal,
            submission_id=arrival.submission_id,
            reference=arrival.reference,
            accepted=feedback.accepted,
            lookup_secret=secret if portal is not None and portal.gets_lookup_secret else None,
            **feedback.model_dump(include={"code", "reason", "right_channel", "submitted_at"}),
        )
        facts.append(_fact(arrival, registered, arrival.received_at, topics.outbox(arrival.portal)))
    return feedback.model_copy(update={"history": (Recorded(cause=arrival.cause, facts=tuple(facts)),)})


def _fact(arrival: Arrival, event: schemas.Event, time: datetime, topic: str = topics.FEEDBACK) -> Fact:
    return schemas.fact(event, cause=arrival.cause, subject=arrival.feedback_id, time=time, source=SOURCE, topics=(topic,))


def _not_accepted(feedback: Feedback, arrival: Arrival) -> Fact:
    shown = feedback.model_dump(include={"code", "category", "reason", "right_channel", "submitted_at"})
    refused = schemas.FeedbackNotAccepted(**shown, feedback_id=feedback.id, decided_at=arrival.received_at)
    return _fact(arrival, refused, arrival.received_at)


_AS_SENT = {"submitter_type", "province", "level"}


def _submitted(pack: Pack, draft: Draft, code: str) -> Fact:
    arrival, submission = draft.arrival, draft.submission
    # An agency that has ended answers through its successor from the first day on.
    day = draft.submitted_at.astimezone(ZoneInfo(pack.header.timezone)).date()
    addressed = pack.agency_on(submission.addressed_to, day).id if submission.addressed_to else None
    submitted = schemas.FeedbackSubmitted(
        feedback_id=arrival.feedback_id,
        code=code,
        channel=arrival.channel,
        portal=arrival.portal,
        **submission.model_dump(include=_AS_SENT),
        category=draft.category.id,
        language=draft.language,
        addressed_to=addressed,
        submitted_at=draft.submitted_at,
        received_at=arrival.received_at,
    )
    return _fact(arrival, submitted, draft.submitted_at)
