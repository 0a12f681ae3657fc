"""To an agency, in `assignments.<agency>`: from routing of its actions, from intake of its files."""

from typing import ClassVar

from pydantic import AwareDatetime, Field

from schemas.envelope import Event
from schemas.personal_data import FoundPersonalData
from schemas.values import Fault, RecordPlace


class ActionRefused(Event):
    """To an agency, in its own topic: what it asked for or posted is not lawful or not readable, and why.

    Nothing that an agency sends is dropped in silence.
    """

    version: ClassVar[str] = "1.1"

    action_id: str = Field(description="the agency's own id of the record")
    action: str = Field(
        description="what was asked for, `reply_file` of a file, or unknown; expect others",
        examples=["accept", "publish", "reply_file", "unknown"],
    )
    feedback_id: str | None = None
    agency: str
    faults: tuple[Fault, ...]
    personal_data: tuple[FoundPersonalData, ...] = Field(
        default=(), description="with a fault `personal_data`: what was found, in the reply and in the title"
    )
    record: RecordPlace | None = Field(default=None, description="where the refused action stands")
    refused_at: AwareDatetime
