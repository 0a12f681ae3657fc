"""What the models of a pack are made of: ids, phrases, texts by language, and the base of each part."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

# An agency's and a portal's id is part of a topic's name, so it keeps to what Kafka allows there.
TopicId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,99}$")]
Phrase = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Positive = Annotated[int, Field(ge=1, strict=True)]
Translated = Mapping[str, Phrase]
"""A text by language, such as {vi: ..., en: ...}."""


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
