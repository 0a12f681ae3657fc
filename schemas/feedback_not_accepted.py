"""From intake or routing, in the lifecycle topic."""

from pydantic import AwareDatetime, Field

from schemas.values import Account, CaseEvent, Slug, Text


class FeedbackNotAccepted(CaseEvent):
    """A feedback was refused (từ chối tiếp nhận): by intake for its class, or by the agency with a reason.

    Law: complaints, denunciations and legal questions are outside the procedure (Decree 20/2008/NĐ-CP, Articles 1 and 9).
    """

    category: Slug
    agency: Slug | None = Field(default=None, description="which refused it; none where its category is outside the procedure")
    actor: Account | None = None
    reason: Text | None = None
    right_channel: Text | None = None
    submitted_at: AwareDatetime | None = None
    decided_at: AwareDatetime
