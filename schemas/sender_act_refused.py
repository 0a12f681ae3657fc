"""From intake to a portal, in `outbox.<portal>`."""

from pydantic import AwareDatetime, Field

from schemas.envelope import Event
from schemas.values import Fault, RecordPlace


class SenderActRefused(Event):
    """To a portal, in its own topic: an act of the sender's that it posted was not taken, with every fault at once.

    Nothing that a portal sends is dropped in silence. What is taken is told by SubmissionProgressed.
    """

    act_id: str = Field(description="the portal's own id of the act")
    act: str = Field(description="the type that was posted; expect others", examples=["PortalSupplement", "PortalRating"])
    portal: str
    code: str | None = Field(default=None, description="as it was posted")
    submission_id: str | None = Field(default=None, description="as it was posted")
    reference: str | None = Field(default=None, description="as it was posted")
    faults: tuple[Fault, ...]
    record: RecordPlace | None = Field(default=None, description="where the refused act stands")
    refused_at: AwareDatetime
