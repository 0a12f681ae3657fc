"""What is shown of a feedback, and to whom: the answer to its submission, what anybody sees, what only its sender sees."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

import schemas
from pakn import links
from schemas.deadlines_changed import ClockSet
from schemas.matter import Answered, Appeal
from schemas.states import CLOSED_STATES, STATE_AFTER, CaseState, OpenState
from schemas.values import REPLY_RULES, Attachment, FeedbackCode, FeedbackId, OpenSubmitterType
from services.intake.feedback import Due, Feedback, SenderDetails

# The facts that change what is shown, or have a place in the timeline.
SHOWN = frozenset({*STATE_AFTER, "FeedbackReturned", "FeedbackTransferred", "FeedbackRated", "DeadlinesChanged", "DeadlineMoved"})
# A case's acts are bounded by routing. Its clocks could be corrected for ever, and nobody is shown their steps.
MOST_CLOCK_STEPS = 1000
# In these states no agency owes an answer, so that the last known day holds nobody to anything.
_NOTHING_DUE = frozenset({"waiting_for_supplement", "not_accepted", "appealed"})


class Links(BaseModel):
    """Where to go on."""

    self: str


class Registered(BaseModel):
    """A feedback has its code. `accepted` is false when its class is outside the procedure: see reason and right_channel."""

    feedback_id: FeedbackId
    code: FeedbackCode
    lookup_secret: str = Field(description="opens the details; also in the first letter")
    accepted: bool
    submitted_at: datetime
    links: Links
    reason: str | None = None
    right_channel: str | None = None

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "feedback_id": "0197f3c2-5b1e-7d40-9a66-3f2d8c1b7e05",
                    "code": "PAKN.20261102.0042",
                    "lookup_secret": "0f1e2d3c4b5a69788796a5b4",
                    "accepted": True,
                    "submitted_at": "2026-11-02T01:12:05Z",
                    "links": {"self": "http://localhost:8001/v1/feedback/PAKN.20261102.0042"},
                }
            ]
        }
    )


class TimelineEntry(BaseModel):
    """One step of a feedback's way."""

    type: str
    at: datetime
    agency: str | None = None


class ShownSupplement(BaseModel):
    """An answer of the sender's to what the agency asked."""

    content: str
    attachments: list[Attachment] = Field(default=[], description="also among those of the feedback")
    supplemented_at: datetime


class ShownFeedback(BaseModel):
    """What anybody with the code may see; with the secret also what the sender wrote and what officers wrote to the sender."""

    code: FeedbackCode
    state: OpenState
    category: str
    submitted_at: datetime
    agency: str | None = None
    due: Due | None = Field(default=None, description="absent while no agency owes an answer, or no day is counted yet")
    reason: str | None = Field(
        default=None, description="why it was not accepted; with the secret, unless its class is outside the procedure"
    )
    right_channel: str | None = Field(default=None, description="where to turn instead; shown as `reason` is")
    reply: str | None = None
    document_number: str | None = None
    reply_attachments: list[Attachment] | None = Field(default=None, description="the files of the published reply, for anybody")
    timeline: list[TimelineEntry]
    title: str | None = Field(default=None, description="with the secret")
    content: str | None = Field(default=None, description="with the secret")
    attachments: list[Attachment] | None = Field(default=None, description="with the secret")
    question: str | None = Field(default=None, description="with the secret: what the agency asks for")
    supplements: list[ShownSupplement] | None = Field(default=None, description="with the secret: the sender's answers")
    unit: str | None = Field(default=None, description="with the secret")
    satisfied: bool | None = Field(default=None, description="with the secret")
    remark: str | None = Field(default=None, description="with the secret: what the sender said of the reply")
    appeals: list[Appeal] | None = Field(
        default=None, description="with the secret: what the sender said against a reply or a delay"
    )
    commune: str | None = Field(default=None, description="with the secret")
    publish_name: bool | None = Field(
        default=None, description="with the secret: whether the sender's masked name stands beside the published reply"
    )
    answers: list[Answered] | None = Field(default=None, description="with the secret: to the questions of the category")


class ShownSender(SenderDetails):
    """Personal data of the sender, for the agency that the case is assigned to now."""

    code: FeedbackCode
    submitter_type: OpenSubmitterType


class SupplementTaken(BaseModel):
    """The supplement is stored; the case waits to be received again."""

    code: FeedbackCode
    state: OpenState = "supplemented"


class ObjectionTaken(BaseModel):
    """The objection is stored; the case goes to the agency that answers it."""

    code: FeedbackCode
    state: OpenState = "appealed"


class RatingTaken(BaseModel):
    """The rating is stored."""

    code: FeedbackCode
    satisfied: bool


class RenewedSecret(BaseModel):
    """The new look-up secret, by which all later letters lead to the feedback."""

    code: FeedbackCode
    lookup_secret: str = Field(examples=["0f1e2d3c4b5a69788796a5b4"])


class AddressConfirmed(BaseModel):
    """The address is the sender's: the next letters carry names and texts."""

    code: FeedbackCode


PRIVATE = frozenset(
    {
        *("title", "content", "attachments", "question", "supplements", "unit", "satisfied", "remark", "commune", "answers"),
        *("appeals", "publish_name"),
    }
)
# What an officer wrote who refused. Of a class that is outside the procedure the pack says the same to everybody.
WHY_REFUSED = frozenset({"reason", "right_channel"})


def registered(feedback: Feedback, secret: str, public_url: str) -> Registered:
    """The answer to a submission; the same for the same submission again."""
    return Registered(
        feedback_id=feedback.id,
        lookup_secret=secret,
        accepted=feedback.accepted,
        links=Links(self=links.feedback(public_url, feedback.code)),
        **feedback.model_dump(include={"code", "submitted_at"} | why_not_taken(feedback)),
    )


def why_not_taken(feedback: Feedback) -> frozenset[str]:
    """The fields that say why the feedback's class is outside the procedure; none where it is not, or an officer refused it."""
    return frozenset() if feedback.accepted else WHY_REFUSED


def public_view(feedback: Feedback) -> ShownFeedback:
    """What anybody with the code may see: the state and the published reply, no personal data, no text of the sender's.

    Of what officers wrote the published reply alone: a reason may name people.
    """
    seen = private_view(feedback)
    hidden = PRIVATE | (WHY_REFUSED - why_not_taken(feedback))
    # Whether the sender was satisfied is shown to nobody else, nor that he said so.
    steps = [step for step in seen.timeline if step.type != "FeedbackRated"]
    return seen.model_copy(update={**dict.fromkeys(hidden), "timeline": steps})


def private_view(feedback: Feedback) -> ShownFeedback:
    """What the sender sees with the secret: also the own text, the files and what the agency asked."""
    # Working steps of the clocks are no news to the public; the due date itself is shown above.
    steps = [step for step in feedback.timeline if not is_of_a_clock(step.type)]
    due = due_shown(feedback.state, feedback.due)
    said: dict[str, Any] = {"title": feedback.title or None, "content": feedback.content or None}
    said["appeals"] = feedback.appeals or None
    said["supplements"] = feedback.supplements or None
    said["answers"] = feedback.answers or None
    said["reply_attachments"] = feedback.reply_attachments or None
    return ShownFeedback.model_validate(feedback.model_copy(update={"timeline": steps, "due": due} | said), from_attributes=True)


def due_shown(state: CaseState, due: Due | None) -> Due | None:
    """The day that is shown in this state; none while no agency owes an answer."""
    return None if state in _NOTHING_DUE else due


def is_news_to_all(name: str, changes: Mapping[str, Any]) -> bool:
    """Whether a lifecycle fact with these changes changes what anybody may see: that a reply was rated is its sender's own."""
    return name != "FeedbackRated" and (bool(changes) or not is_of_a_clock(name))


def sender_view(feedback: Feedback) -> ShownSender:
    """The sender's details."""
    return ShownSender(code=feedback.code, submitter_type=feedback.submitter_type, **feedback.sender.model_dump())


def dropped(steps: Mapping[str, str]) -> list[str]:
    """The ids of the oldest steps of clocks that a timeline no longer keeps. `steps` are the types of all by their ids.

    Whatever is dropped was shown, and would be shown again if it came after a thousand later ones.
    """
    clocks = [id for id, type in steps.items() if is_of_a_clock(type)]
    return clocks[:-MOST_CLOCK_STEPS]


def is_of_a_clock(type: str) -> bool:
    """Whether a step is one of the clocks, which nobody is shown."""
    return type.startswith("Deadline")


def view_changes(name: str, event: BaseModel, files: Iterable[Attachment] = ()) -> dict[str, Any]:
    """The fields of `Feedback` that a lifecycle fact called `name` changes, with their new values.

    `files` are those that were stored for replies: facts do not name them.
    """
    changes: dict[str, Any] = {}
    if name in STATE_AFTER:
        changes["state"] = STATE_AFTER[name]
        # What intake itself did not accept is in no public list: that somebody denounced somebody is nobody's business.
        if not (isinstance(event, schemas.FeedbackNotAccepted) and event.agency is None):
            changes["listed_as"] = "closed" if STATE_AFTER[name] in CLOSED_STATES else "open"
    match event:
        case schemas.FeedbackAssigned():
            # The former agency's day is no longer true, and the new one may still have to be counted.
            changes |= {"agency": event.agency, "unit": event.unit} | ({"due": None} if event.previous_agency else {})
        case schemas.FeedbackAccepted() if event.unit:
            changes |= {"unit": event.unit}
        case schemas.FeedbackSupplemented():
            changes |= {"due": None}
        case schemas.MoreRequested():
            changes |= {"question": event.question}
        case schemas.FeedbackNotAccepted():
            changes |= {"reason": event.reason, "right_channel": event.right_channel}
        case schemas.ReplyPublished():
            changes |= {"reply": event.reply, "document_number": event.document_number, "published_at": event.published_at}
            changes |= {"reply_attachments": published(event, files), "title_as_written": event.title_as_written}
        case schemas.DeadlinesChanged():
            for clock in event.set:
                changes |= _due(clock)
        case schemas.DeadlineMoved():
            changes |= _due(event)
    return changes


def published(event: schemas.ReplyPublished, files: Iterable[Attachment]) -> tuple[Attachment, ...]:
    """The files of a published reply, each with the name that it has among `files`."""
    named = {file.id: file.name for file in files}
    # A file without a name is still a file: its id is a lawful name.
    return tuple(Attachment(**file.model_dump(), name=named.get(file.id, file.id)) for file in event.attachments)


def _due(clock: ClockSet | schemas.DeadlineMoved) -> dict[str, Any]:
    """The day that is shown: that of the limit for the reply, and of no other."""
    if clock.rule not in REPLY_RULES:
        return {}
    return {"due": Due(date=clock.due_date, article=clock.article, verified=clock.verified, count=clock.count)}
