"""Values that several events share: identifiers, attachments, bounded texts. Used by the event files beside this one."""

from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

FeedbackId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]
FeedbackCode = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]+\.\d{8}\.\d{4,}$")]
# Agency, portal and category ids are parts of topic names and of metric labels, hence the narrow alphabet.
Slug = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,100}$")]
# An officer's account, never a name or an address: the second person's check (Article 46) compares accounts.
Account = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
# U+0000 to U+001F but tab and line breaks are refused: they would break mail headers and logs further on.
_CLEAN = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f]*$"
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500, pattern=r"^[^\x00-\x1f]*$")]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20_000, pattern=_CLEAN)]
RuleName = Literal["refuse", "request_more", "transfer_out", "handle_reply", "publish"]
Unit = Literal["working_days", "days", "hours"]
Channel = Literal["web", "api", "portal"]
SubmitterType = Literal["person", "organization"]
MoveReason = Literal["calendar", "rule_set"]
WithdrawalReason = Literal[MoveReason, "in_time"]


def open_text(meaning: str, known: Any) -> Any:
    """The description of a text that readers must expect to grow: any string is valid, and the `known` values are listed.

    `known` is the Literal by which PAKN's own code is held to these values. With an enum in its place, each new rule, unit
    or channel would be a new major version.
    """
    values = get_args(known)
    return Field(description=f"{meaning}. Known values: {', '.join(values)}; expect others", examples=list(values))


OpenRule = Annotated[str, open_text("the duty that the clock measures", RuleName)]
OpenUnit = Annotated[str, open_text("what the limit counts", Unit)]
OpenLetterChannel = Annotated[str, open_text("by which way the letter went", Literal["email"])]
OpenMoment = Annotated[str, Field(description="which letter of the pack's; expect others", examples=["received", "assigned"])]
OpenSubmitterType = Annotated[str, open_text("who has sent it", SubmitterType)]


class Attachment(BaseModel):
    """A file that belongs to a feedback; its bytes stay with intake and are read there by `id`."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    id: str
    name: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f/\\]*$")]
    media_type: str
    size: int = Field(ge=1, description="bytes")
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Place(BaseModel):
    """Where the matter is, not where the sender lives."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    description: Line | None = None
    latitude: float | None = Field(default=None, ge=-90, le=90, description="degrees, WGS 84")
    longitude: float | None = Field(default=None, ge=-180, le=180, description="degrees, WGS 84")


class Fault(BaseModel):
    """One fault of what was sent in: where it is, what is wrong, what to do."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    field: str
    message: str


_MOST_FAULTS = 100


def faults_of(error: ValidationError, whole: str) -> list[Fault]:
    """Every fault that the check of a document found, a hundred at most; `whole` is the name of the document itself.

    Without that limit a record of many unknown fields would get an answer larger than Kafka takes.
    """
    rows = error.errors(include_url=False, include_context=False, include_input=False)
    faults = [Fault(field=".".join(map(str, row["loc"]))[:200] or whole, message=row["msg"][:500]) for row in rows[:_MOST_FAULTS]]
    if len(rows) > _MOST_FAULTS:
        faults.append(Fault(field=whole, message=f"has {len(rows) - _MOST_FAULTS} more faults"))
    return faults
