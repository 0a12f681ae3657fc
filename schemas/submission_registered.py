"""From intake to a portal, in `outbox.<portal>`."""

from pydantic import AwareDatetime, Field

from schemas.values import CaseEvent, Line, Slug, Text


class SubmissionRegistered(CaseEvent):
    """To a portal, in its own topic: its submission has a code.

    `accepted` is false when the class is outside the procedure; the reason and the right channel then stand here.
    """

    portal: Slug
    submission_id: str
    reference: Line | None = None
    accepted: bool
    reason: Text | None = None
    right_channel: Text | None = None
    lookup_secret: str | None = Field(
        default=None, description="opens the details by HTTP; only where the pack says that the portal gets it"
    )
    submitted_at: AwareDatetime
