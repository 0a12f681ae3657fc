"""What looks like personal data in a text that would be published: a part of events to agencies."""

from pydantic import BaseModel, Field


class FoundPersonalData(BaseModel, frozen=True, extra="ignore"):
    """Which text, which kind, and which characters: from `start` to before `end`.

    They are counted from 0, in Unicode characters of the text as it is kept: in NFC, without spaces around it.
    """

    field: str = Field(description="which text; expect others", examples=["reply", "title"])
    kind: str = Field(description="what it looks like, a kind of the pack", examples=["phone", "email", "identity"])
    start: int = Field(ge=0)
    end: int = Field(ge=1)
