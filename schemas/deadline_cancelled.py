"""DeadlineCancelled: a clock was closed because its duty no longer exists, for example after a transfer."""

from pydantic import AwareDatetime

from schemas.envelope import Event
from schemas.values import FeedbackCode, FeedbackId, RuleName, Slug


class DeadlineCancelled(Event):
    """A clock was closed because its duty no longer exists, for example after a transfer.

    The events that cancel a clock are data of the rule set.
    """

    feedback_id: FeedbackId
    code: FeedbackCode
    clock_id: str
    rule: RuleName
    agency: Slug
    reason: str
    cancelled_at: AwareDatetime
