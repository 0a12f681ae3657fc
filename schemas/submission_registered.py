"""From intake to a portal, in `outbox.<portal>`."""

from pydantic import AwareDatetime

from schemas.envelope import Event
from schemas.values import FeedbackCode, FeedbackId, Line, Text


class SubmissionRegistered(Event):
    """To a portal, in its own topic: its submission has a code.

    `accepted` is false when the class is outside the procedure; the reason and the right channel then stand here.
    """

    feedback_id: FeedbackId
    code: FeedbackCode
    submission_id: str
    reference: Line | None = None
    accepted: bool
    reason: Text | None = None
    right_channel: Text | None = None
    submitted_at: AwareDatetime
