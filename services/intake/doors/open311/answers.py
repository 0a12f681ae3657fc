"""What Open311 GeoReport v2 answers, by the names that the standard gives. Pure.

The standard has every field in each answer, without a value where there is none.
"""

from collections.abc import Mapping
from datetime import datetime, time
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field

from pakn.packs.load import Pack
from schemas.states import CLOSED_STATES
from services.intake import known_values, shown
from services.intake.doors.open311 import words
from services.intake.listing import PublicCase

MOST_DESCRIPTION = 4000
"""Characters of a description, by the standard."""


class Service(BaseModel):
    """A category that is accepted."""

    service_code: str
    service_name: str
    description: str
    metadata: bool = Field(description="whether the service has attributes of its own: ask for its definition")
    type: Literal["realtime"] = Field(
        default="realtime", description="a submission is answered with its service_request_id at once"
    )
    keywords: str = Field(description="other names, separated by commas")
    group: str


class AttributeValue(BaseModel):
    """One of the values of a list."""

    key: str
    name: str


class ServiceAttribute(BaseModel):
    """What may be sent as `attribute[code]` beside the standard's own fields."""

    variable: bool
    code: str
    datatype: Literal["string", "number", "datetime", "text", "singlevaluelist", "multivaluelist"]
    required: bool
    datatype_description: str | None = None
    order: int
    description: str
    values: list[AttributeValue] | None = None


class ServiceDefinition(BaseModel):
    """The attributes of a service."""

    service_code: str
    attributes: list[ServiceAttribute]


class PostedRequest(BaseModel):
    """What a submission became. `service_notice` says why and where to turn where its class is not accepted."""

    service_request_id: str
    service_notice: str | None = None
    account_id: str | None = None


class RequestOfToken(BaseModel):
    """The code of the feedback with this id."""

    service_request_id: str
    token: str


class ExtendedAttributes(BaseModel):
    """What is public beyond the standard's fields; given with `extensions=true`."""

    state: str = Field(description="the state of the case, finer than open and closed; expect others")
    document_number: str | None = None
    published_datetime: str | None = None
    legal_basis: str | None = Field(default=None, description="the article that the expected day follows")
    legal_basis_verified: bool | None = None


class ServiceRequest(BaseModel):
    """What anybody may see of a case. What its sender wrote is in none of it unless the pack makes it public."""

    service_request_id: str
    status: Literal["open", "closed"]
    status_notes: str | None = None
    service_name: str
    service_code: str
    description: str | None = None
    agency_responsible: str | None = None
    service_notice: str | None = None
    requested_datetime: str
    updated_datetime: str
    expected_datetime: str | None = Field(default=None, description="the end of the last day for the reply by law")
    address: str | None = None
    address_id: str | None = None
    zipcode: str | None = None
    lat: float | None = None
    long: float | None = None
    media_url: str | None = None
    extended_attributes: ExtendedAttributes | None = None


class Error(BaseModel):
    """One thing that is wrong."""

    code: int = Field(description="the HTTP status")
    description: str


class Endpoint(BaseModel):
    """Where an interface is."""

    specification: str
    url: str
    changeset: str
    type: Literal["production"] = "production"
    formats: list[str]


class Discovery(BaseModel):
    """Where the interfaces are, and whom to ask."""

    changeset: str
    contact: str
    key_service: str
    endpoints: list[Endpoint]


def as_content(model: BaseModel) -> dict[str, Any]:
    """The answer with all of its fields; `extended_attributes` are there only where they were asked for."""
    content = model.model_dump(mode="json")
    if "extended_attributes" in content and content["extended_attributes"] is None:
        del content["extended_attributes"]
    return content


def request(pack: Pack, case: PublicCase, language: str, *, extended: bool = False) -> ServiceRequest:
    """What Open311 says of a case in a language of the pack. A published reply is in the language of its officer."""
    zone = ZoneInfo(pack.header.timezone)
    due = shown.due_shown(case.state, case.due)
    category = next((row for row in pack.categories if row.id == case.category), None)
    texts = words.load(language)
    notice = due and texts["notice"]["verified" if due.verified else "unverified"].format(article=due.article)
    more = ExtendedAttributes(
        state=case.state,
        document_number=case.document_number,
        published_datetime=case.published_at and _written(case.published_at, zone),
        legal_basis=due and due.article,
        legal_basis_verified=due and due.verified,
    )
    return ServiceRequest(
        service_request_id=case.code,
        status="closed" if case.state in CLOSED_STATES else "open",
        status_notes=note(case.state, case.reply, case.reason, case.right_channel, texts["note"]),
        service_name=category.name[language] if category else case.category,
        service_code=case.category,
        description=_description(case),
        agency_responsible=case.agency and _agency_name(pack, case.agency, language),
        service_notice=notice,
        requested_datetime=_written(case.submitted_at, zone),
        updated_datetime=_written(case.updated_at or case.received_at, zone),
        expected_datetime=due and _written(datetime.combine(due.date, time(23, 59, 59), zone), zone),
        address=case.where.description if case.where else None,
        lat=_cut(case.where.latitude) if case.where else None,
        long=_cut(case.where.longitude) if case.where else None,
        extended_attributes=more if extended else None,
    )


def note(state: str, reply: str | None, reason: str | None, right_channel: str | None, notes: Mapping[str, str]) -> str:
    """What is said of a case in this state: the published reply, why it was refused, or the words of `notes` for the state."""
    if state == "published" and reply:
        return reply
    if state == "not_accepted" and reason:
        return " ".join(filter(None, (reason, right_channel)))
    return notes.get(state, notes["other"])


def _description(case: PublicCase) -> str | None:
    said = "\n\n".join(filter(None, (case.title, case.content)))
    return said[:MOST_DESCRIPTION] or None


def _agency_name(pack: Pack, id: str, language: str) -> str:
    try:
        return known_values.agency_name(pack, id)[language]
    except KeyError:  # The pack may have lost it since.
        return id


def _cut(degrees: float | None) -> float | None:
    """A coordinate cut to about 100 m, so that it points to no house."""
    return None if degrees is None else round(degrees, 3)


def _written(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).isoformat(timespec="seconds")
