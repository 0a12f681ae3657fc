"""The categories of a pack, and the questions that they ask: `categories.yaml`."""

from typing import Annotated, Literal

from pydantic import Field

from pakn.packs.part import Id, Part, Phrase, Translated
from schemas.portal_submission import MOST_ANSWERS


class Choice(Part):
    id: Id
    name: Translated


class Question(Part):
    """A question that a category asks of its own; a `choice` has choices, a `number` may have bounds."""

    id: Id
    name: Translated
    hint: Translated | None = None
    kind: Literal["text", "number", "date", "choice"] = "text"
    required: bool = False
    choices: tuple[Choice, ...] = ()
    least: float | None = None
    most: float | None = None


class Category(Part):
    """A class of feedback; one that is not accepted says why, and which channel is the right one."""

    id: Id
    name: Translated
    accepted: bool = True
    reason: Translated | None = None
    channel: Translated | None = None
    source: Phrase | None = None
    aliases: tuple[Phrase, ...] = ()
    questions: Annotated[tuple[Question, ...], Field(max_length=MOST_ANSWERS)] = ()
