"""From routing, in the lifecycle topic."""

from pydantic import AwareDatetime

from schemas.envelope import Event
from schemas.values import Account, FeedbackCode, FeedbackId, Line, Slug


class FeedbackAccepted(Event):
    """The agency took the feedback in (tiếp nhận) and handles it.

    Law: Decision 31/2021/QĐ-TTg, Article 43.
    """

    feedback_id: FeedbackId
    code: FeedbackCode
    agency: Slug
    unit: Line | None = None
    actor: Account
    accepted_at: AwareDatetime
