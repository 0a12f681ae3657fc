"""From routing, in the lifecycle topic."""

from pydantic import AwareDatetime

from schemas.values import Account, CaseEvent, Slug, Text


class FeedbackReturned(CaseEvent):
    """The agency gave the feedback back as not within its competence (chuyển trả); routing assigns it anew.

    Law: Decree 20/2008/NĐ-CP, Article 9; measured in 2 working days by Decision 766/QĐ-TTg.
    """

    agency: Slug
    actor: Account | None = None
    reason: Text | None = None
    returned_at: AwareDatetime
