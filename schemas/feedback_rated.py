"""From intake, in the lifecycle topic."""

from pydantic import AwareDatetime

from schemas.envelope import Event
from schemas.values import FeedbackCode, FeedbackId


class FeedbackRated(Event):
    """The sender rated the published reply: satisfied or not (indicator 5.3 of Decision 766/QĐ-TTg).

    Law: Decision 766/QĐ-TTg, group 5.
    """

    feedback_id: FeedbackId
    code: FeedbackCode
    satisfied: bool
    rated_at: AwareDatetime
