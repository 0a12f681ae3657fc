"""What the value of a record may cost to read: the same in every mode, for the turn and for the answer to a wrong record."""

from typing import Any

import schemas
from pakn.engine.json_bounds import why_too_large
from pakn.engine.kafka import Record
from pakn.errors import GiveUp
from schemas import Envelope, EnvelopeError


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
    return schemas.readable_id(record.headers, None if why_too_large(record.value) else record.value)


def readable_data(record: Record) -> dict[str, Any]:
    """The JSON object that a record carries; empty where it carries none, or none within the bounds."""
    if why_too_large(record.value):
        return {}
    data = schemas.readable_data(record.headers, record.value)
    return {} if why_too_large(data) else schemas.readable_object(data)


def _check(value: bytes | None) -> None:
    if text := why_too_large(value):
        raise GiveUp("invalid", text)
