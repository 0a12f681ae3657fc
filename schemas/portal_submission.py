"""PortalSubmission: what another portal posts to its own topic, `inbox.<portal>`; intake answers in `outbox.<portal>`."""

from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, Field, StrictBool, StringConstraints
from pydantic_core import PydanticKnownError

from schemas.addresses import MailAddress
from schemas.envelope import Event, Writer
from schemas.values import Line, Place, SentTime, Slug, SubmitterType, Text, composed

MOST_FILES = 100
"""Of a submission, whatever the pack allows."""
MOST_ANSWERS = 50
"""Of a submission, whatever the pack asks."""


class Sender(BaseModel, frozen=True, extra="forbid"):
    """Who sends; which of these are required is data of the pack (Decision 31/2021/QĐ-TTg, Article 41(3))."""

    name: Line | None = None
    address: Line | None = None
    phone: Line | None = None
    email: MailAddress | None = None


class Answer(BaseModel, frozen=True, extra="forbid"):
    """The answer to one question of the category's own."""

    question: Slug = Field(description="the question's id in the pack")
    value: Line = Field(description="text as it is; a number in digits, with a point; a date as YYYY-MM-DD; a choice by its id")


class SentPlace(Place, frozen=True, extra="forbid"):
    """Where the matter is, not where the sender lives. An unknown field is refused, so that no misspelt one is lost."""


class InlineFile(BaseModel, frozen=True, extra="forbid"):
    """A small file that travels inside the submission."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f/\\]*$"), composed(200)]
    content_base64: str


def _few(files: Any) -> Any:
    """Refuses what no pack allows before each file is checked: tens of thousands of faults take a tenth of a second to tell."""
    if isinstance(files, list | tuple) and len(files) > MOST_FILES:
        raise PydanticKnownError("too_long", {"field_type": "List", "max_length": MOST_FILES, "actual_length": len(files)})
    return files


Answers = Annotated[tuple[Answer, ...], Field(max_length=MOST_ANSWERS)]
InlineFiles = Annotated[tuple[InlineFile, ...], Field(max_length=MOST_FILES), BeforeValidator(_few)]


class Submission(Event, frozen=True, extra="forbid"):
    """A feedback as its sender wrote it. The web form, the API and the portals all send this."""

    category: Line = Field(description="a category of the pack, by its id or by an alias")
    title: Line
    content: Text
    language: str | None = Field(default=None, description="one of the pack's languages; the pack's own when absent")
    submitter_type: SubmitterType = "person"
    sender: Sender = Sender()
    province: Slug | None = None
    commune: Line | None = Field(
        default=None, description="the commune, ward or district below the province: an id of the pack's, or its name"
    )
    level: Slug | None = None
    addressed_to: Slug | None = Field(default=None, description="the agency that the sender chose")
    unit: Line | None = Field(default=None, description="a unit inside that agency")
    place: SentPlace | None = None
    answers: Answers = Field(
        default=(),
        description="to the questions of the category; each question once, or once for each of its choices that is chosen",
    )
    publish_name: StrictBool = Field(
        default=False,
        description="whether the sender agrees that the name, masked as the pack says, stands beside the published reply, where "
        "anybody finds it by the name; it can be taken back",
    )
    reference: Line | None = Field(
        default=None, description="the portal's own file number, given back in each answer; by HTTP only with a portal's token"
    )
    sent_at: SentTime | None = Field(
        default=None,
        description="when the sender sent it at the portal; when it came in if absent; by HTTP only with a portal's token",
    )


class PortalSubmission(Submission):
    """A submission by Kafka. `ce_id` is the portal's own id of it: sending the same id again registers nothing new."""

    version: ClassVar[str] = "1.1"
    written_by: ClassVar[Writer] = "others"
    attachments: InlineFiles = ()
