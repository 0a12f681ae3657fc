"""What a citizen wrote: the fields that the event which records it and the event which forwards it share."""

from pydantic import AwareDatetime, BaseModel, Field

from schemas.values import Attachment, CaseEvent, Line, Place, Text


class Supplement(BaseModel, frozen=True, extra="ignore"):
    """The sender's answer to one question of the agency."""

    content: Text
    attachments: tuple[Attachment, ...] = ()
    supplemented_at: AwareDatetime


class MatterEvent(CaseEvent):
    """An event with the whole matter as it stands now: what was submitted, and every supplement so far."""

    title: Line
    content: Text
    unit: Line | None = Field(default=None, description="the unit that the sender named, inside the agency that he chose")
    place: Place | None = None
    attachments: tuple[Attachment, ...] = ()
    supplements: tuple[Supplement, ...] = Field(default=(), description="in their order")
