"""Decisions of the citizens' side: is a submission in order, what does it become, what may be seen of it. Pure.

`handlers.py` calls these next to loading and saving; nothing here knows of HTTP, Kafka or MongoDB.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ValidationError

import schemas
from pakn.packs.load import Category, Pack
from schemas import Fact, topics
from schemas.portal_submission import Submission
from schemas.values import Attachment, Channel, Fault, faults_of

SOURCE = "/pakn/intake"
# A portal may hand over what was sent while its line was down; older dates would let it choose the agency's limit.
MAX_PORTAL_DELAY = timedelta(days=3)
CLOCK_TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Draft:
    """A submission in order, before it has a code. `feedback_id` is derived from the sender's own id where there is one."""

    feedback_id: str
    cause: str
    submission_id: str
    submission: Submission
    category: str
    language: str
    attachments: tuple[Attachment, ...]
    channel: Channel
    portal: str | None
    reference: str | None
    submitted_at: datetime
    received_at: datetime
    fingerprint: str


def draft(
    pack: Pack,
    submission: Submission,
    *,
    feedback_id: str,
    cause: str,
    submission_id: str,
    attachments: tuple[Attachment, ...],
    channel: Channel,
    submitted_at: datetime,
    received_at: datetime,
    raw: bytes,
    portal: str | None = None,
    reference: str | None = None,
) -> Draft:
    """The draft of a submission that `check` found in order; the category's id and the language are settled here."""
    category = find_category(pack, submission.category)
    assert category is not None
    return Draft(
        feedback_id=feedback_id,
        cause=cause,
        submission_id=submission_id,
        submission=submission,
        category=category.id,
        language=submission.language or pack.header.default_language,
        attachments=attachments,
        channel=channel,
        portal=portal,
        reference=reference,
        submitted_at=submitted_at,
        received_at=received_at,
        fingerprint=fingerprint(raw),
    )


def fingerprint(raw: bytes) -> str:
    """What tells whether a repeated submission is the same one."""
    return hashlib.sha256(raw).hexdigest()


def lookup_secret(key: str, feedback_id: str) -> str:
    """The secret that opens a feedback's details: derived, so it is stored nowhere and can be given again."""
    return hmac.new(key.encode(), f"lookup/{feedback_id}".encode(), hashlib.sha256).hexdigest()[:24]


def find_category(pack: Pack, name: str) -> Category | None:
    """The category with this id, or with this name in another system's words (its aliases)."""
    return next((category for category in pack.categories if category.id == name or name in category.aliases), None)


def check(pack: Pack, raw: Mapping[str, Any], model: type[Submission] = Submission) -> tuple[Submission | None, list[Fault]]:
    """Read a submission and compare it with the pack: every fault at once, each with its field and what to do.

    The pack's rules look at the raw document, so that they speak even when the shape is wrong elsewhere.
    Law: Decision 31/2021/QĐ-TTg, Article 41 (what a feedback must have).
    """
    faults: list[Fault] = []
    submission: Submission | None = None
    try:
        submission = model.model_validate(raw)
    except ValidationError as error:
        faults = faults_of(error, "body")
    faulty = {fault.field for fault in faults}
    for field, message in _pack_faults(pack, raw):
        if field not in faulty:
            faults.append(Fault(field=field, message=message))
    return (submission if not faults else None), faults


def _pack_faults(pack: Pack, raw: Mapping[str, Any]) -> list[tuple[str, str]]:
    header = pack.header
    found: list[tuple[str, str]] = []
    category = raw.get("category")
    if isinstance(category, str) and find_category(pack, category) is None:
        found.append(("category", f"unknown category {category[:80]!r}; use one of: {', '.join(c.id for c in pack.categories)}"))
    sender = raw.get("sender")
    given = sender if isinstance(sender, Mapping) else {}
    for required in header.sender.required:
        if not given.get(required):
            found.append((f"sender.{required}", "is required here and missing"))
    for field, limit in (("title", header.title_max), ("content", header.content_max)):
        value = raw.get(field)
        if isinstance(value, str) and len(value.strip()) > limit:
            found.append((field, f"is longer than {limit} characters"))
    known: dict[str, tuple[str, ...]] = {"language": header.languages, "province": header.provinces, "level": header.levels}
    for field, allowed in known.items():
        value = raw.get(field)
        if value is not None and value not in allowed:
            listing = ", ".join(allowed) or "none: leave it out"
            found.append((field, f"unknown {field} {str(value)[:80]!r}; use one of: {listing}"))
    agency = raw.get("addressed_to")
    if isinstance(agency, str) and agency not in {a.id for a in pack.agencies}:
        found.append(("addressed_to", f"unknown agency {agency[:80]!r}"))
    return found


def sent_time(claimed: datetime | None, received_at: datetime) -> tuple[datetime, list[Fault]]:
    """When a submission was sent (ngày gửi): what the portal says, within bounds, or when the broker got it."""
    if claimed is None:
        return received_at, []
    if claimed > received_at + CLOCK_TOLERANCE:
        return received_at, [Fault(field="sent_at", message="lies in the future")]
    if claimed < received_at - MAX_PORTAL_DELAY:
        return received_at, [
            Fault(field="sent_at", message=f"is more than {MAX_PORTAL_DELAY.days} days old; register it anew today")
        ]
    return min(claimed, received_at), []


def local_day(pack: Pack, moment: datetime) -> str:
    """The day of a code, YYYYMMDD in the pack's time zone."""
    return moment.astimezone(ZoneInfo(pack.header.timezone)).strftime("%Y%m%d")


def register(pack: Pack, draft: Draft, code: str, secret: str) -> tuple[dict[str, Any], list[Fact]]:
    """What a draft becomes: the document's fields and the facts to publish.

    A class that is outside the procedure is registered too, as not accepted, with the reason and the right channel:
    the sender gets a code and a letter, and nothing is lost.
    """
    category = pack.category(draft.category)
    submission = draft.submission
    facts = [_fact_of(pack, draft, code, category)]
    # The reply on acceptance is a person's language; the portal gets the same words.
    reason = category.reason[draft.language] if not category.accepted and category.reason else None
    right_channel = category.channel[draft.language] if not category.accepted and category.channel else None
    contact = schemas.ContactRecorded(
        feedback_id=draft.feedback_id, code=code, language=draft.language, lookup_secret=secret, **submission.sender.model_dump()
    )
    facts.append(_fact(draft, contact, draft.received_at, (topics.CONTACTS,)))
    if draft.portal:
        registered = schemas.SubmissionRegistered(
            feedback_id=draft.feedback_id,
            code=code,
            submission_id=draft.submission_id,
            reference=draft.reference,
            accepted=category.accepted,
            reason=reason,
            right_channel=right_channel,
            submitted_at=draft.submitted_at,
        )
        facts.append(_fact(draft, registered, draft.received_at, (topics.outbox(draft.portal),)))
    fields = {
        "code": code,
        "state": "submitted" if category.accepted else "not_accepted",
        "category": category.id,
        "title": submission.title,
        "content": submission.content,
        "language": draft.language,
        "sender": submission.sender.model_dump(),
        "submitter_type": submission.submitter_type,
        "attachments": [attachment.model_dump() for attachment in draft.attachments],
        "channel": draft.channel,
        "portal": draft.portal,
        "reason": reason,
        "right_channel": right_channel,
        "submitted_at": draft.submitted_at,
        "received_at": draft.received_at,
        "fingerprint": draft.fingerprint,
        "timeline": [],
    }
    return fields, facts


def _fact(draft: Draft, event: schemas.Event, time: datetime, to: tuple[str, ...] = (topics.FEEDBACK,)) -> Fact:
    return schemas.fact(event, cause=draft.cause, subject=draft.feedback_id, time=time, source=SOURCE, topics=to)


def _fact_of(pack: Pack, draft: Draft, code: str, category: Category) -> Fact:
    submission = draft.submission
    if not category.accepted:
        refused = schemas.FeedbackNotAccepted(
            feedback_id=draft.feedback_id,
            code=code,
            category=category.id,
            refused_by="intake",
            reason=(category.reason or {})[draft.language],
            right_channel=(category.channel or {}).get(draft.language),
            title=submission.title,
            submitted_at=draft.submitted_at,
            decided_at=draft.received_at,
        )
        return _fact(draft, refused, draft.received_at)
    # An agency that has ended answers through its successor from the first day on.
    day = draft.submitted_at.astimezone(ZoneInfo(pack.header.timezone)).date()
    addressed = pack.agency_on(submission.addressed_to, day).id if submission.addressed_to else None
    submitted = schemas.FeedbackSubmitted(
        feedback_id=draft.feedback_id,
        code=code,
        channel=draft.channel,
        portal=draft.portal,
        portal_reference=draft.reference,
        category=category.id,
        title=submission.title,
        content=submission.content,
        language=draft.language,
        submitter_type=submission.submitter_type,
        province=submission.province,
        level=submission.level,
        addressed_to=addressed,
        unit=submission.unit,
        place=submission.place,
        attachments=draft.attachments,
        submitted_at=draft.submitted_at,
        received_at=draft.received_at,
    )
    return _fact(draft, submitted, draft.submitted_at)


def view_changes(event: BaseModel) -> dict[str, Any]:
    """What a lifecycle fact changes in what intake shows of the feedback."""
    match event:
        case schemas.FeedbackAssigned(previous_agency=None):
            return {"agency": event.agency, "unit": event.unit}
        case schemas.FeedbackAssigned():
            # The former agency's day is no longer true, and the new one may still have to be counted.
            return {"agency": event.agency, "unit": event.unit, "due": None}
        case schemas.FeedbackSupplemented():
            return {"due": None}
        case schemas.MoreRequested():
            return {"question": event.question}
        case schemas.FeedbackNotAccepted():
            return {"reason": event.reason, "right_channel": event.right_channel}
        case schemas.ReplyPublished():
            return {"reply": event.reply, "document_number": event.document_number, "published_at": event.published_at}
        case schemas.DeadlineSet(rule="handle_reply") | schemas.DeadlineMoved(rule="handle_reply"):
            return {"due": {"date": event.due_date.isoformat(), "article": event.article, "verified": event.verified}}
        case _:
            return {}


def public_view(document: Mapping[str, Any]) -> dict[str, Any]:
    """What anybody with the code may see: the state and the published reply, no personal data, no text of the sender's."""
    shown = ("code", "state", "category", "submitted_at", "agency", "due", "reason", "right_channel", "reply", "document_number")
    view = {key: document[key] for key in shown if document.get(key) is not None}
    # Working steps of the clocks are no news to the public; the due date itself is shown above.
    rows = [row for row in document["timeline"] if not row["type"].startswith("Deadline")]
    view["timeline"] = [{key: row[key] for key in ("type", "at", "agency") if row.get(key)} for row in rows]
    return view


def private_view(document: Mapping[str, Any]) -> dict[str, Any]:
    """What the sender sees with the secret: also the own text, the files and what the agency asked."""
    shown = ("title", "content", "attachments", "question", "unit", "satisfied")
    return public_view(document) | {key: document[key] for key in shown if document.get(key) is not None}
