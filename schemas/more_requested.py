"""From routing, in the lifecycle topic."""

from pydantic import AwareDatetime

from schemas.envelope import Event
from schemas.values import Account, FeedbackCode, FeedbackId, Slug, Text


class MoreRequested(Event):
    """The agency asked the sender for more (yêu cầu bổ sung); its clock closes until the answer comes.

    Law: Decision 31/2021/QĐ-TTg, Article 38(3)(b): the sender must be told.
    """

    feedback_id: FeedbackId
    code: FeedbackCode
    agency: Slug
    actor: Account
    question: Text
    requested_at: AwareDatetime
