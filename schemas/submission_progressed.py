"""From intake to a portal, in `outbox.<portal>`."""

from typing import Annotated

from pydantic import AwareDatetime, Field

from schemas.states import OpenState
from schemas.values import Attachment, CaseEvent, Line, Slug, Text


class SubmissionProgressed(CaseEvent):
    """To a portal, in its own topic: one of its own cases went a step on, with what its sender must know of that step.

    It has the words of `GET /v1/feedback/{code}`: `step` is the type of an entry in the timeline there, and `state` the state
    that the case has from then on; it is absent where the step leaves the state as it was.
    """

    portal: Slug
    submission_id: str = Field(description="the portal's own id of the submission")
    reference: Line | None = None
    step: Annotated[str, Field(description="what happened; expect others", examples=["FeedbackAssigned", "ReplyPublished"])]
    act_id: str | None = Field(default=None, description="the portal's own id (`ce_id`) of the act, if this step is that act")
    state: OpenState | None = None
    agency: Slug | None = Field(
        default=None, description="the agency whose step it is: of FeedbackTransferred the one that gets the case"
    )
    unit: Line | None = Field(default=None, description="inside the agency, where the case is from then on")
    question: Text | None = Field(default=None, description="of MoreRequested: what the sender is asked; no law bounds the answer")
    reply: Text | None = Field(default=None, description="of ReplyPublished: the public reply")
    document_number: Line | None = None
    attachments: tuple[Attachment, ...] = Field(default=(), description="of ReplyPublished: the public files of the reply")
    reason: Text | None = Field(default=None, description="of FeedbackNotAccepted")
    right_channel: Text | None = None
    happened_at: AwareDatetime
