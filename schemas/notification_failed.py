"""NotificationFailed: a letter could not be delivered, or nobody knows whether it was; an operator must look."""

from typing import Literal

from pydantic import AwareDatetime

from schemas.envelope import Event
from schemas.values import FeedbackCode, FeedbackId


class NotificationFailed(Event):
    """A letter could not be delivered, or nobody knows whether it was; an operator must look.

    `uncertain` letters are never sent again without a person's decision.
    """

    feedback_id: FeedbackId
    code: FeedbackCode
    notification_id: str
    moment: str
    channel: Literal["email"] = "email"
    outcome: Literal["failed", "uncertain", "undeliverable"]
    reason: str
    failed_at: AwareDatetime
