"""Values that several events share: identifiers, attachments, bounded texts. Used by the event files beside this one."""

import datetime
import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal, get_args

from pydantic import AwareDatetime, BaseModel, BeforeValidator, Field, StringConstraints, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError, PydanticKnownError

from schemas.composed import is_certainly_longer, is_invisible, nfc
from schemas.envelope import Event
from schemas.fault_codes import FAULT_CODES

_UUID = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
_SLUG = r"^[A-Za-z0-9._-]{1,100}$"
_ACCOUNT = r"^[A-Za-z0-9._-]{1,64}$"
_ONE_LINE = r"^[^\x00-\x1f]*$"
# U+0000 to U+001F but tab and line breaks are refused: they would break mail headers and logs further on.
_CLEAN = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f]*$"
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
MOST_LINE, MOST_TEXT = 500, 20_000  # characters
_FILE_NAME = r"^[^\x00-\x1f/\\]*$"


def _written_time(value: Any) -> Any:
    """A time that others send is text as in RFC 3339: a number might count seconds or milliseconds, or be a day without a year."""
    if isinstance(value, datetime.datetime) or (isinstance(value, str) and _RFC_3339.fullmatch(value)):
        return value
    raise PydanticCustomError("written_time", "no time as in RFC 3339")


def composed(max_length: int) -> BeforeValidator:
    """Makes a text NFC, or empty if nothing of it can be seen. The patterns decide on ASCII, and the types on other values.

    What is too long in any case is refused before that work, which takes a second for some megabytes.
    """

    def compose(value: Any) -> Any:
        if not isinstance(value, str) or value.isascii():
            return value
        if is_certainly_longer(value, max_length):
            raise PydanticKnownError("string_too_long", {"max_length": max_length})
        # Without the spaces around it, of which a megabyte would be looked at one by one.
        text = nfc(value.strip())
        return "" if is_invisible(text) else text

    return BeforeValidator(compose)


SentTime = Annotated[AwareDatetime, BeforeValidator(_written_time)]
FeedbackId = Annotated[str, StringConstraints(pattern=_UUID)]
FeedbackCode = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]+\.\d{8}\.\d{4,}$")]
# Agency, portal and category ids are parts of topic names and of metric labels, hence the narrow alphabet.
Slug = Annotated[str, StringConstraints(pattern=_SLUG)]
# An officer's account, never a name or an address: the second person's check (Article 46) compares accounts.
Account = Annotated[str, StringConstraints(pattern=_ACCOUNT)]
_line = StringConstraints(strip_whitespace=True, min_length=1, max_length=MOST_LINE, pattern=_ONE_LINE)
_text = StringConstraints(strip_whitespace=True, min_length=1, max_length=MOST_TEXT, pattern=_CLEAN)
Line = Annotated[str, _line, composed(MOST_LINE)]
Text = Annotated[str, _text, composed(MOST_TEXT)]
RuleName = Literal["refuse", "request_more", "transfer_out", "handle_reply", "handle_objection", "publish"]
REPLY_RULES: frozenset[RuleName] = frozenset({"handle_reply", "handle_objection"})  # Their last day is that of the reply.
Unit = Literal["working_days", "days", "hours"]
DayOffKind = Literal["holiday", "made_up", "swap_off"]
Moment = Literal[
    "sent", "transferred_in", "objected", "supplemented", "received", "refused", "returned", "more_requested", "transferred_out",
    "reply_ready", "reply_sent_back", "published",
]  # fmt: skip
Channel = Literal["web", "api", "portal"]
LetterChannel = Literal["email", "sms"]
SubmitterType = Literal["person", "organization"]
AppealGround = Literal["not_satisfied", "overdue"]
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
OpenLetterChannel = Annotated[str, open_text("by which way the letter went", LetterChannel)]
OpenMoment = Annotated[str, Field(description="which letter of the pack's; expect others", examples=["received", "assigned"])]
OpenSubmitterType = Annotated[str, open_text("who has sent it", SubmitterType)]


class CaseEvent(Event):
    """An event of one case, by its id in the system and the code that the sender knows."""

    feedback_id: FeedbackId
    code: FeedbackCode


class OfClock(BaseModel, frozen=True, extra="ignore"):
    """Which clock of a case it is: the duty that it measures, and the agency that has it."""

    clock_id: str
    rule: OpenRule
    agency: Slug


class ClockEvent(OfClock, CaseEvent):
    """An event of one clock of a case."""


class StoredFile(BaseModel, frozen=True, extra="ignore"):
    """A file that belongs to a feedback or to its reply; its bytes and its name stay with intake and are read there by `id`."""

    id: str
    media_type: str
    size: int = Field(ge=1, description="bytes")
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    scanned: bool = Field(default=False, description="whether a virus scanner has looked into the file, and found nothing")


class Attachment(StoredFile, frozen=True, extra="ignore"):
    """A file with the name under which it is downloaded."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_FILE_NAME), composed(200)]


class Place(BaseModel, frozen=True, extra="ignore"):
    """Where the matter is, not where the sender lives."""

    description: Line | None = None
    latitude: float | None = Field(default=None, ge=-90, le=90, description="degrees, WGS 84")
    longitude: float | None = Field(default=None, ge=-180, le=180, description="degrees, WGS 84")


class RecordPlace(BaseModel, frozen=True, extra="ignore"):
    """Where a record stands in Kafka; no other has the same place."""

    topic: str
    partition: int
    offset: int

    @property
    def text(self) -> str:
        """The place as `topic/partition/offset`."""
        return f"{self.topic}/{self.partition}/{self.offset}"


class Fault(BaseModel, frozen=True, extra="ignore"):
    """One fault of what was sent in: where it is, which kind it is, and in words what to send instead."""

    field: str
    code: str = Field(
        description="stable, for programs; treat one that you do not know like `invalid`. "
        + "; ".join(f"`{code}`: {meaning}" for code, meaning in FAULT_CODES.items())
    )
    message: str


_MOST_FAULTS = 100
_A_TIME = ("bad_format", "must be a time with its offset from UTC, such as 2026-03-02T08:30:00+07:00")
_A_NUMBER = ("wrong_type", "must be a number")
_A_LIST = ("wrong_type", "must be a list")
_AN_OBJECT = ("wrong_type", "must be a JSON object")
_TRUE_OR_FALSE = ("wrong_type", "must be true or false")
# The library's types of errors that what others send can meet: our code, and what to send instead. Braces name values of
# the error's context.
_CODES_AND_WORDS = {
    "missing": ("missing", "is required and missing"),
    "extra_forbidden": ("unknown_field", "is not a field that is taken here; correct its name or leave it out"),
    "string_type": ("wrong_type", "must be text"),
    "bool_type": _TRUE_OR_FALSE,
    "bool_parsing": _TRUE_OR_FALSE,
    "float_type": _A_NUMBER,
    "float_parsing": _A_NUMBER,
    "tuple_type": _A_LIST,
    "dict_type": _AN_OBJECT,
    "model_type": _AN_OBJECT,
    "model_attributes_type": _AN_OBJECT,
    "datetime_type": _A_TIME,
    "datetime_parsing": _A_TIME,
    "datetime_from_date_parsing": _A_TIME,
    "datetime_object_invalid": _A_TIME,
    "timezone_aware": _A_TIME,
    "written_time": _A_TIME,
    "string_unicode": ("bad_format", "is not valid Unicode; send UTF-8 without single surrogates"),
    "mail_address": (
        "bad_format",
        "must be an email address that letters can go to, such as name@example.org: no spaces, and no accents before the @",
    ),
    "string_too_short": ("too_short", "must have at least {min_length} character(s)"),
    "string_too_long": ("too_long", "has more than {max_length} characters; shorten it"),
    "too_long": ("too_long", "has more than {max_length} entries; leave some out"),
    "greater_than_equal": ("out_of_range", "must be {ge} or more"),
    "less_than_equal": ("out_of_range", "must be {le} or less"),
    "literal_error": ("not_one_of", "must be {expected}"),
    "union_tag_invalid": ("not_one_of", "must be one of {expected_tags}"),
    "union_tag_not_found": ("missing", "is required and missing: it says which of several documents this is"),
    "json_invalid": ("not_json", "is not a JSON document in UTF-8"),
}
# What a text that others send must look like, by its pattern.
_PATTERN_WORDS = {
    _UUID: "must be the id that the system gave, such as 0197f3c2-5b1e-7d40-9a66-3f2d8c1b7e05",
    _SLUG: "must be an id of at most 100 letters, digits, dots, underscores and hyphens",
    _ACCOUNT: "must be an account of at most 64 letters, digits, dots, underscores and hyphens; no name, no address",
    _ONE_LINE: "must be one line of text without control characters",
    _CLEAN: "must be text without control characters other than tab and line break",
    _FILE_NAME: "must be a file's name without slashes and control characters",
}


# Where a JSON parser met what it could not read; its other words are about its own insides.
_JSON_PLACE = re.compile(r"at line \d+ column \d+")


def _fault_of(row: ErrorDetails, whole: str, tags: frozenset[str]) -> Fault:
    kind, context = row["type"], row.get("ctx", {})
    code, words = _CODES_AND_WORDS.get(kind, ("invalid", "is not what is wanted here; compare it with the schema"))
    message = words.format_map(context)
    if kind == "string_pattern_mismatch":
        code, message = "bad_format", _PATTERN_WORDS.get(context["pattern"], f"must be written as {context['pattern']}")
    elif kind == "json_invalid" and (place := _JSON_PLACE.search(context["error"])):
        message += f"; it ends or breaks {place[0]}"
    location = [str(part) for part in row["loc"]]
    if len(location) > 1 and location[0] in tags:
        del location[0]
    if kind.startswith("union_tag"):
        location.append(context["discriminator"].strip("'"))
    return Fault(field=".".join(location)[:200] or whole, code=code, message=message[:500])


def faults_of(error: ValidationError, whole: str, tags: frozenset[str] = frozenset()) -> list[Fault]:
    """Every fault that the check of a document found, a hundred at most; `whole` is the name of the document itself.

    Without that limit a record of many unknown fields would get an answer larger than Kafka takes. `tags` are those of the
    model that was read.
    """
    rows = error.errors(include_url=False, include_input=False)
    return list(_bounded([_fault_of(row, whole, tags) for row in rows[:_MOST_FAULTS]], len(rows), whole))


def first_faults(faults: Sequence[Fault], whole: str) -> tuple[Fault, ...]:
    """At most a hundred faults, and how many more there are; `whole` is the name of the document."""
    return _bounded(faults[:_MOST_FAULTS], len(faults), whole)


def _bounded(first: Sequence[Fault], found: int, whole: str) -> tuple[Fault, ...]:
    if found <= len(first):
        return tuple(first)
    return (*first, Fault(field=whole, code="invalid", message=f"has {found - len(first)} more faults"))
