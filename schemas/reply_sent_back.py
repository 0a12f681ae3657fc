"""From routing, in the lifecycle topic and to the agency."""

from pydantic import AwareDatetime

from schemas.envelope import Event
from schemas.values import Account, FeedbackCode, FeedbackId, Slug, Text


class ReplySentBack(Event):
    """The checker sent the reply back because it does not fit the feedback; the agency redoes it.

    Law: Decision 31/2021/QĐ-TTg, Article 46(2).
    """

    feedback_id: FeedbackId
    code: FeedbackCode
    agency: Slug
    actor: Account
    reason: Text
    sent_back_at: AwareDatetime
