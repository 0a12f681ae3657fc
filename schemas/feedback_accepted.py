"""From routing, in the lifecycle topic."""

from pydantic import AwareDatetime

from schemas.values import Account, CaseEvent, Line, Slug


class FeedbackAccepted(CaseEvent):
    """The agency took the feedback in (tiếp nhận) and handles it.

    Law: Decision 31/2021/QĐ-TTg, Article 43.
    """

    agency: Slug
    unit: Line | None = None
    actor: Account
    accepted_at: AwareDatetime
