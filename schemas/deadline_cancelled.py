"""From deadlines, in the lifecycle topic."""

from pydantic import AwareDatetime, Field

from schemas.envelope import Event
from schemas.values import FeedbackCode, FeedbackId, OpenRule, Slug


class DeadlineCancelled(Event):
    """A clock was closed because its duty no longer exists, for example after a transfer.

    The events that cancel a clock are data of the rule set.
    """

    feedback_id: FeedbackId
    code: FeedbackCode
    clock_id: str
    rule: OpenRule
    agency: Slug
    reason: str = Field(description="what of the law has happened; expect others", examples=["transferred_out", "refused"])
    cancelled_at: AwareDatetime
