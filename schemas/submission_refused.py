"""From intake to a portal, in `outbox.<portal>`."""

from pydantic import AwareDatetime, Field

from schemas.envelope import Event
from schemas.values import Fault, FeedbackCode, RecordPlace


class SubmissionRefused(Event):
    """To a portal, in its own topic: its submission could not be registered, with every fault at once.

    Nothing that a portal sends is dropped in silence.
    """

    submission_id: str
    reference: str | None = None
    portal: str
    code: FeedbackCode | None = Field(default=None, description="of the feedback that already has this submission_id")
    faults: tuple[Fault, ...]
    record: RecordPlace | None = Field(default=None, description="where the refused submission stands")
    refused_at: AwareDatetime
