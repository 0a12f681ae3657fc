"""AgencyAction: what an agency does with a feedback, posted to its own topic `actions.<agency>`; routing decides.

The topic's name says which agency speaks, so no action names its agency. What is lawful becomes a fact; what is not
comes back as `ActionRefused` in `assignments.<agency>`. An unknown field is refused, so that no misspelt one is lost.
"""

from typing import Annotated, ClassVar, Literal, get_args

from pydantic import ConfigDict, Field, RootModel

from schemas.envelope import Event, Released, Writer
from schemas.values import Account, FeedbackId, Line, Slug, Text


class _Action(Event, frozen=True, extra="forbid"):
    feedback_id: FeedbackId
    actor: Account = Field(description="the officer's account, not a name: the check must be another's")


class Accept(_Action):
    """Take the feedback in (tiếp nhận)."""

    action: Literal["accept"]
    unit: Line | None = None


class Refuse(_Action):
    """Refuse it, with the reason for the sender (từ chối)."""

    action: Literal["refuse"]
    reason: Text
    right_channel: Text | None = None


class Return(_Action):
    """Give it back as not within this agency's competence (chuyển trả)."""

    action: Literal["return"]
    reason: Text


class Transfer(_Action):
    """Pass it on to another agency, or to a unit inside this one (chuyển xử lý)."""

    action: Literal["transfer"]
    to_agency: Slug
    to_unit: Line | None = None
    reason: Text


class RequestMore(_Action):
    """Ask the sender for more (yêu cầu bổ sung)."""

    action: Literal["request_more"]
    question: Text


# Of what is published, what an officer decided about though it looks like personal data.
AsWritten = Annotated[
    tuple[Literal["reply", "title"], ...],
    Field(
        max_length=2,
        description="what is published with the phone numbers, addresses of mail and numbers of papers in it: the officer has "
        "looked at them, and they are nobody's personal data. A reply in which such are found is refused without this; in a title "
        "they are hidden without it",
    ),
]


class Reply(_Action):
    """Enter the reply, which another person then checks (trả lời)."""

    action: Literal["reply"]
    reply: Text
    document_number: Line | None = None
    attachments: tuple[Line, ...] = Field(
        default=(), max_length=20, description="ids of files, each from a ReplyFileStored of this case"
    )
    as_written: AsWritten = ()


class SendBack(_Action):
    """Send the reply back to be redone (Article 46(2))."""

    action: Literal["send_back"]
    reason: Text


class Publish(_Action):
    """Make the checked reply public (công khai, Article 46(1))."""

    action: Literal["publish"]
    as_written: AsWritten = ()


AnyAction = Accept | Refuse | Return | Transfer | RequestMore | Reply | SendBack | Publish


class AgencyAction(Released, RootModel[Annotated[AnyAction, Field(discriminator="action")]]):
    """One of the actions of an agency, told apart by `action`."""

    # The library adds a keyword of OpenAPI, which strict validators of JSON Schema refuse; the constants say the same.
    model_config = ConfigDict(json_schema_extra=lambda schema: schema.pop("discriminator"))
    version: ClassVar[str] = "1.1"
    written_by: ClassVar[Writer] = "others"
    tags: ClassVar[frozenset[str]] = frozenset(
        tag for model in get_args(AnyAction) for tag in get_args(model.model_fields["action"].annotation)
    )
