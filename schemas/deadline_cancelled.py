"""From deadlines, in the lifecycle topic."""

from pydantic import AwareDatetime, Field

from schemas.values import ClockEvent


class DeadlineCancelled(ClockEvent):
    """A clock was closed because its duty no longer exists, for example after a transfer.

    The events that cancel a clock are data of the rule set.
    """

    reason: str = Field(description="what of the law has happened; expect others", examples=["transferred_out", "refused"])
    cancelled_at: AwareDatetime
