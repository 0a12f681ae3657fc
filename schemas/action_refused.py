"""From routing to an agency, in `assignments.<agency>`."""

from pydantic import AwareDatetime, Field

from schemas.envelope import Event
from schemas.values import Fault


class ActionRefused(Event):
    """To an agency, in its own topic: what it asked for is not lawful or not readable, and why.

    Nothing that an agency sends is dropped in silence.
    """

    action_id: str
    action: str = Field(description="what was asked for, or unknown; expect others", examples=["accept", "publish", "unknown"])
    feedback_id: str | None = None
    agency: str
    faults: tuple[Fault, ...]
    refused_at: AwareDatetime
