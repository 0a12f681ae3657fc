"""The CloudEvents 1.0 envelope of every record, in Kafka's binary mode: attributes in headers, the event's data as the value.

What others send is read in structured mode too, where the value is one JSON object with attributes and data.
Source: CloudEvents 1.0.2, Kafka protocol binding, sections 3.2 (binary content mode) and 3.3 (structured content mode).
"""

import base64
import json
import re
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal, NamedTuple

from pydantic import BaseModel

CONTENT_TYPE = "application/json"
# The namespace of every id that is derived from its cause; a constant of the system, never to be changed.
_IDS = uuid.UUID("6f0e4a9c-52f7-5d5e-9f0c-3a1a5e0c1f22")
_REQUIRED = ("ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time")
_STRUCTURED = "application/cloudevents"
_ATTRIBUTES = ("specversion", "id", "type", "source", "time", "subject", "causationid")
_LONGEST_HEADER = 1000  # characters; a longer id would make answers and letters as long
# What the text of an attribute must not hold (CloudEvents 1.0.2, Type System).
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]")
_TYPE = re.compile(r"pakn\.([A-Za-z]+)\.v[0-9]{1,4}")


Writer = Literal["pakn", "others"]


class Released:
    """The names under which a model of the catalogue is released, and what a minor version of it may change.

    What PAKN writes may gain optional fields; what others write may widen. Everything else is a new major version: a model
    of its own, `FeedbackRatedV2` with version 2.0 in `feedback_rated_v2.py`, beside the one that reads what is kept.
    """

    version: ClassVar[str] = "1.0"
    written_by: ClassVar[Writer] = "pakn"
    # Of a model that is one of several: by what they are told apart, which is no part of a field's place in the document.
    tags: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def major(cls) -> str:
        """The major version, `1` of `1.0`."""
        return cls.version.partition(".")[0]

    @classmethod
    def event_name(cls) -> str:
        """The event's name, which all its versions share: `FeedbackRated`, also of the class `FeedbackRatedV2`."""
        return cls.__name__.removesuffix(f"V{cls.major()}")

    @classmethod
    def type_name(cls) -> str:
        """The CloudEvents `type`: `pakn.<Event>.v<major>`."""
        return f"pakn.{cls.event_name()}.v{cls.major()}"

    @classmethod
    def dataschema(cls) -> str:
        """The CloudEvents `dataschema`, an absolute URI as the specification wants it: the `$id` of the released schema."""
        return f"urn:pakn:schema:{cls.event_name()}:{cls.version}"


class Event(Released, BaseModel, frozen=True, extra="ignore"):
    """The data of one event; subclasses are the catalogue. Unknown fields are ignored, so 1.1 is read by 1.0 code."""


class Envelope(NamedTuple):
    """The attributes of a received record. `name` comes from the type, `subject` is the feedback id."""

    id: str
    type: str
    name: str
    source: str
    time: datetime
    subject: str
    cause: str


class EnvelopeError(ValueError):
    """A record whose headers are no CloudEvents 1.0 envelope; the text lists every fault."""


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that has happened, ready to be published: an event's data with its envelope.

    `topics` are names without the deployment's namespace; `data` is the event as JSON text, so that a repeated
    publication has the same bytes. `cause` identifies the cause inside PAKN; `causation`, if set, is the id that readers see
    instead.
    """

    id: str
    type: str
    schema: str
    subject: str
    time: datetime
    source: str
    cause: str
    data: str
    topics: tuple[str, ...] = ("feedback",)
    causation: str = ""

    @property
    def name(self) -> str:
        """The event's name without prefix and version, for example `FeedbackAssigned`."""
        return self.type.split(".")[1]

    def headers(self) -> dict[str, str]:
        """The Kafka headers of this fact."""
        more = {"subject": self.subject, "dataschema": self.schema, "causationid": self.causation or self.cause}
        return binary_headers(id=self.id, type=self.type, source=self.source, time=self.time, **more)


def binary_headers(*, id: str, type: str, source: str, time: datetime, **more: str) -> dict[str, str]:
    """The Kafka headers of an event in binary mode; `more` are its optional attributes, such as `subject`."""
    attributes = {"specversion": "1.0", "id": id, "type": type, "source": source, "time": time.isoformat(), **more}
    return {f"ce_{name}": value for name, value in attributes.items()} | {"content-type": CONTENT_TYPE}


def derived_id(cause: str, what: str) -> str:
    """The id of what follows from `cause`: the same cause gives the same id, on every machine, at every repetition."""
    return str(uuid.uuid5(_IDS, f"{cause}/{what}"))


def fact(
    event: Event,
    *,
    cause: str,
    subject: str,
    time: datetime,
    source: str,
    topics: tuple[str, ...] = ("feedback",),
    discriminator: str = "",
    causation: str = "",
) -> Fact:
    """Wrap `event` as the fact that `cause` brought about at `time`.

    The cause is an event's id, or what else tells it from every other cause in the system; then `causation` is the id that
    readers know it by. `discriminator` tells apart several facts of one type with one cause, for example the id of a clock.
    """
    name = type(event).__name__
    return Fact(
        id=derived_id(cause, f"{name}/{discriminator}"),
        type=event.type_name(),
        schema=event.dataschema(),
        subject=subject,
        time=time,
        source=source,
        cause=cause,
        data=event.model_dump_json(exclude_none=True),
        topics=topics,
        causation=causation if causation != cause else "",
    )


Headers = Sequence[tuple[str, bytes | None]]


def parse_record(headers: Headers, value: bytes | None) -> tuple[Envelope, bytes | None]:
    """The envelope of a Kafka record and its data, in binary or structured mode. Raises EnvelopeError that names every fault."""
    outer = _structured(headers, value)
    if outer is None:
        return parse_envelope(headers), value
    texts = {name: outer[name] for name in _ATTRIBUTES if outer.get(name) is not None}
    if wrong := [name for name, text in texts.items() if not isinstance(text, str)]:
        raise EnvelopeError("; ".join(f"{name} is not text" for name in wrong))
    try:
        # A surrogate that stands alone is no UTF-8 and is named as such.
        envelope = parse_envelope([(f"ce_{name}", text.encode(errors="surrogatepass")) for name, text in texts.items()])
        return envelope, _data(outer)
    except EnvelopeError as error:
        raise EnvelopeError(str(error).replace("header ce_", "").replace("ce_", "")) from None
    except ValueError:
        raise EnvelopeError("data_base64 is not base64") from None


def readable_id(headers: Headers, value: bytes | None) -> str:
    """The id that a sender gave a record, as far as it can be read: at most 1000 characters, empty if there is none."""
    for key, text in headers:
        if key.lower().replace("-", "_") == "ce_id" and text:
            return text.decode(errors="replace")[:_LONGEST_HEADER]
    found = (_structured(headers, value) or {}).get("id")
    return found.encode(errors="replace").decode()[:_LONGEST_HEADER] if isinstance(found, str) else ""


def readable_data(headers: Headers, value: bytes | None) -> bytes | None:
    """The data of a record in either mode, also where its attributes are wrong; none where there is none."""
    outer = _structured(headers, value)
    try:
        return value if outer is None else _data(outer)
    except ValueError:
        return None


def readable_object(data: bytes | None) -> dict[str, Any]:
    """The JSON object that `data` is, for an answer; an empty one where it is none.

    Half of a surrogate pair, which no answer could hold, is a question mark in it.
    """
    try:
        found: dict[str, Any] = json.loads(json.dumps(_object(data) or {}, ensure_ascii=False).encode(errors="replace"))
    except RecursionError:
        return {}
    return found


def shown_id(own_id: str, place: str) -> str:
    """By which readers know a record of others: the id that its sender gave it, or its place where that is no attribute's text."""
    return own_id if own_id and not _CONTROLS.search(own_id) else place


def _structured(headers: Headers, value: bytes | None) -> dict[str, Any] | None:
    """The whole of an event in structured mode, also where a client has left out the header that says so; none in binary mode."""
    kind = next((text for key, text in headers if key.lower() == "content-type" and text), b"")
    if kind.lower().startswith(_STRUCTURED.encode()):
        return _object(value) or {}
    if any(key.startswith("ce_") for key, _ in headers):
        return None
    found = _object(value)
    return found if found and "specversion" in found else None


def _object(text: bytes | None) -> dict[str, Any] | None:
    try:
        found = json.loads(text or b"")
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _data(outer: dict[str, Any]) -> bytes | None:
    if "data_base64" in outer:
        if not isinstance(outer["data_base64"], str):
            raise ValueError("no text")
        return base64.b64decode(outer["data_base64"], validate=True)
    try:
        return json.dumps(outer["data"]).encode() if "data" in outer else None
    except RecursionError:  # It may be nested more deeply than is written, and yet not too deeply to be read.
        raise EnvelopeError("data is nested too deeply") from None


def parse_envelope(headers: Iterable[tuple[str, bytes | None]]) -> Envelope:
    """Read the CloudEvents attributes of a Kafka record. Raises EnvelopeError that names every fault."""
    found: dict[str, str] = {}
    faults: list[str] = []
    for key, value in headers:
        if not key.startswith("ce_"):
            continue
        try:
            found[key] = value.decode() if value is not None else ""
        except UnicodeDecodeError:
            faults.append(f"header {key} is not UTF-8")
    faults += [f"header {key} is longer than {_LONGEST_HEADER} characters" for key in found if len(found[key]) > _LONGEST_HEADER]
    faults += [f"header {key} has control characters" for key in found if _CONTROLS.search(found[key])]
    faults += [f"header {key} is missing or empty" for key in _REQUIRED if not found.get(key)]
    if not faults and found["ce_specversion"] != "1.0":
        faults.append(f"ce_specversion is {found['ce_specversion']!r}, this system reads 1.0")
    if not faults:
        try:
            time = datetime.fromisoformat(found["ce_time"])
            if time.tzinfo is None:
                faults.append("ce_time has no offset from UTC")
            else:
                # The first and last hours of the calendar have no time in UTC, and nothing further on could store them.
                time = time.astimezone(UTC)
        except (ValueError, OverflowError):
            faults.append(f"ce_time {found['ce_time']!r} is not RFC 3339")
    if faults:
        raise EnvelopeError("; ".join(faults))
    kind = found["ce_type"]
    known = _TYPE.fullmatch(kind)
    return Envelope(
        id=found["ce_id"],
        type=kind,
        name=known[1] if known else kind,
        source=found["ce_source"],
        time=time,
        subject=found.get("ce_subject", ""),
        cause=found.get("ce_causationid", ""),
    )
