"""What a citizen wrote: the fields that the event which records it and the event which forwards it share."""

from pydantic import AwareDatetime, BaseModel, Field

from schemas.values import Attachment, CaseEvent, Line, Place, Slug, Text


class Supplement(BaseModel, frozen=True, extra="ignore"):
    """The sender's answer to one question of the agency."""

    content: Text
    attachments: tuple[Attachment, ...] = ()
    supplemented_at: AwareDatetime


class Answered(BaseModel, frozen=True, extra="ignore"):
    """The sender's answer to one question of the category's own, with the words in which it was asked."""

    question: Slug = Field(description="the question's id in the pack")
    value: Text = Field(description="text as it is; a number in digits, with a point; a date as YYYY-MM-DD; a choice by its id")
    asked: Text = Field(description="the question as the sender read it, in the language of the feedback")
    shown: Text | None = Field(default=None, description="the words of a choice")


class MatterEvent(CaseEvent):
    """An event with the whole matter as it stands now: what was submitted, and every supplement so far."""

    title: Line = Field(description="as the sender wrote it, or made by a door that has none")
    content: Text
    unit: Line | None = Field(default=None, description="the unit that the sender named, inside the agency that he chose")
    commune: Line | None = Field(
        default=None, description="the commune, ward or district below the province: an id of the pack's, or its name"
    )
    place: Place | None = None
    attachments: tuple[Attachment, ...] = ()
    supplements: tuple[Supplement, ...] = Field(default=(), description="in their order")
    answers: tuple[Answered, ...] = Field(
        default=(),
        description="to the questions of the category, in their order; a question with several choices has an entry for each",
    )
