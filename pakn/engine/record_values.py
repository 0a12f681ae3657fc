"""What the value of a record may cost to read: the same in every mode, for the turn and for the answer to a wrong record."""

from typing import Any

import schemas
from pakn.engine.kafka import MAX_RECORD_BYTES, Record
from pakn.errors import GiveUp
from schemas import Envelope, EnvelopeError

# Lawful texts have a third of it if they consist of commas. 8 MB of `[],[],` take a gigabyte and five seconds to read.
MAX_JSON_MARKS = 60_000


def parse(record: Record) -> tuple[Envelope, bytes | None]:
    """The envelope and the data of a record. Raises GiveUp for what is no envelope, and for a value or data beyond the bounds."""
    _check(record.value)
    try:
        envelope, data = schemas.parse_record(record.headers, record.value)
    except EnvelopeError as error:
        raise GiveUp("unreadable", str(error)) from None
    # In base64 its brackets could not be counted before.
    _check(data)
    return envelope, data


def readable_id(record: Record) -> str:
    """The id that the sender gave a record, at most 1000 characters; empty where there is none, or none within the bounds."""
    return schemas.readable_id(record.headers, None if excess(record.value) else record.value)


def readable_data(record: Record) -> dict[str, Any]:
    """The JSON object that a record carries; empty where it carries none, or none within the bounds."""
    if excess(record.value):
        return {}
    data = schemas.readable_data(record.headers, record.value)
    return {} if excess(data) else schemas.readable_object(data)


def _check(value: bytes | None) -> None:
    if text := excess(value):
        raise GiveUp("invalid", text)


def excess(value: bytes | None) -> str:
    """Why a value would take more memory and time to parse than any lawful one; empty for others. Nothing is parsed."""
    if value is None:
        return ""
    if len(value) > MAX_RECORD_BYTES:
        return f"the value has {len(value)} bytes; at most {MAX_RECORD_BYTES} are read"
    if (marks := sum(map(value.count, (b"[", b"{", b",")))) > MAX_JSON_MARKS:
        return f"the value has {marks} brackets, braces and commas; at most {MAX_JSON_MARKS} are read"
    return ""
