"""What a portal's Open311 interface answers: its requests as the submissions that they become, and what is asked next. Pure."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from xml.etree import ElementTree

import orjson
from pydantic import TypeAdapter, ValidationError

from pakn.packs.load import Pack
from pakn.packs.models import Portal
from schemas import Fact, PortalSubmission, topics
from schemas.values import SentTime
from services.intake import domain
from services.intake.doors.open311 import submission

OVERLAP: Final = timedelta(hours=1)
"""How far each poll looks back behind the one before: a request is dated when it was made, and is shown a while later."""
SHORTEST_OVERLAP: Final = timedelta(minutes=5)
"""Of a portal with more requests than can be asked for in a longer span."""
LONGEST: Final = timedelta(days=7)
SHORTEST: Final = timedelta(minutes=1)
"""The spans that one question asks for."""
_LONGEST_ID: Final = 200
# The standard allows a thousand. Each costs some of the time of all that intake does.
_MOST_ROWS: Final = 10_000
# What a header of a record must not hold.
_CONTROLS: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_REFERENCE: Final = re.compile(rb"&#(?:x([0-9a-fA-F]+)|([0-9]+));")
# The fields of a request by which a submission is made, and what the standard's form calls them.
_FIELDS: Final = {
    "address": "address_string",
    "address_string": "address_string",
    **{name: name for name in ("address_id", "description", "title", "media_url", "first_name", "last_name", "phone", "email")},
}
_TIME: Final = TypeAdapter(SentTime)


class Strange(ValueError):
    """The answer is no list of requests."""


class Read(NamedTuple):
    """The requests of an answer by their ids, each with its fields as text, and how many were none that can be read."""

    requests: Mapping[str, Mapping[str, str]]
    unreadable: int


def read(body: bytes, form: str) -> Read:
    """The requests of an answer in the format `json` or `xml`. Raises Strange for what is no list of them."""
    rows = _rows_of_xml(body) if form == "xml" else _rows_of_json(body)
    if len(rows) > _MOST_ROWS:
        raise Strange(f"more than {_MOST_ROWS} requests")
    found: dict[str, Mapping[str, str]] = {}
    unreadable = 0
    for row in rows:
        fields = {name: text for name, value in row.items() if (text := _text(value))} if isinstance(row, dict) else {}
        id = fields.get("service_request_id", "")
        if not id or len(id) > _LONGEST_ID or _CONTROLS.search(id):
            unreadable += 1
        else:
            found.setdefault(id, fields)
    return Read(found, unreadable)


def _rows_of_json(body: bytes) -> Sequence[Any]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        # The stricter reader refuses a whole list for half a surrogate pair in one text.
        try:
            found = json.loads(body.decode())
        except (ValueError, RecursionError):
            raise Strange("no JSON") from None
    if isinstance(found, dict):  # As some servers name their list.
        found = found.get("service_requests", found.get("requests"))
    if not isinstance(found, list):
        raise Strange("no list")
    return found


def _rows_of_xml(body: bytes) -> Sequence[Any]:
    # A document type may define entities that unfold to gigabytes, and no answer of the standard has one.
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body or b"\0" in body or body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise Strange("a document type, or no UTF-8")
    try:
        root = ElementTree.fromstring(_REFERENCE.sub(_legal, body))
    except (ElementTree.ParseError, LookupError, ValueError):
        raise Strange("no XML") from None
    if root.tag not in ("service_requests", "requests"):
        raise Strange("no list")
    return [{field.tag: field.text for field in row} for row in root]


def _legal(reference: re.Match[bytes]) -> bytes:
    """A character reference as it is, or nothing where XML 1.0 has no such character."""
    hexadecimal, decimal = reference.groups()
    digits = (hexadecimal or decimal).lstrip(b"0") or b"0"
    number = int(digits, 16 if hexadecimal else 10) if len(digits) <= 7 else -1
    is_one = number in (9, 10, 13) or 0x20 <= number <= 0xD7FF or 0xE000 <= number <= 0xFFFD or 0x10000 <= number <= 0x10FFFF
    return reference.group() if is_one else b""


def _text(value: Any) -> str:
    """A field as text; what is neither text nor number is as good as none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value).encode("utf-8", "replace").decode().strip()


def is_open(request: Mapping[str, str]) -> bool:
    """Whether anything is left to do about a request; without a status it is."""
    return request.get("status", "open").lower() != "closed"


def posted(pack: Pack, portal: Portal, id: str, request: Mapping[str, str], now: datetime) -> Fact:
    """The request as the submission that the portal would have posted to its own topic, under the request's id.

    It is not checked here: what is wrong with it, intake tells as with every other of the portal's.
    """
    assert portal.open311 is not None
    values = {form: request[name] for name, form in _FIELDS.items() if name in request}
    values["service_code"] = _category(pack, request, portal.open311.other_category)
    # A request without words is still one of a kind, at a place.
    values.setdefault("description", values.get("title") or request.get("service_name") or "")
    if all(_is_number(request.get(name)) for name in ("lat", "long")):
        values |= {name: request[name] for name in ("lat", "long")}
    given = {name: value for name, value in values.items() if value}
    made, _ = submission.submission(pack, given, {}, pack.header.default_language)
    made["reference"] = id
    sent_at = _moment(request.get("requested_datetime"))
    if sent_at and domain.sent_time(sent_at, now + domain.CLOCK_TOLERANCE)[1] == [] and sent_at <= now:
        made["sent_at"] = sent_at.isoformat()
    return Fact(
        id=id,
        type=PortalSubmission.type_name(),
        schema=PortalSubmission.dataschema(),
        subject=id,
        time=now,
        source=f"/{portal.id}",
        cause=id,
        data=json.dumps(made, ensure_ascii=False),
        topics=(topics.inbox(portal.id),),
    )


def _category(pack: Pack, request: Mapping[str, str], other: str | None) -> str:
    code, name = request.get("service_code", ""), request.get("service_name", "")
    found = domain.find_category(pack, code) or domain.find_category(pack, name)
    return found.id if found else other or code or name


def _is_number(text: str | None) -> bool:
    try:
        return -180 <= float(text or "") <= 180
    except ValueError:
        return False


def _moment(text: str | None) -> datetime | None:
    try:
        return _TIME.validate_python(text).astimezone(UTC)
    except (ValidationError, OverflowError):
        return None


def window(cursor: datetime, span: timedelta, now: datetime) -> tuple[datetime, datetime]:
    """From when to when the next question asks; `cursor` is how far requests are known."""
    return cursor - min(OVERLAP, max(span, SHORTEST_OVERLAP)), min(now, cursor + span)


def next_span(span: timedelta, *, was_whole: bool) -> timedelta:
    """The span of the next question: half of one whose answer was cut off, otherwise growing again."""
    return min(span * 2, LONGEST) if was_whole else max(span / 2, SHORTEST)


def written(moment: datetime) -> str:
    """A time as the standard has it, in UTC."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
