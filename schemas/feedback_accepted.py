"""From routing, in the lifecycle topic."""

from pydantic import AwareDatetime, Field

from schemas.values import Account, CaseEvent, Line, Slug


class FeedbackAccepted(CaseEvent):
    """The agency took the feedback in (tiếp nhận) and handles it.

    Law: Decision 31/2021/QĐ-TTg, Article 43.
    """

    agency: Slug
    unit: Line | None = Field(default=None, description="inside the agency: an id of the pack's, or a name")
    actor: Account | None = None
    accepted_at: AwareDatetime
