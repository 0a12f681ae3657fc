"""Tells what no database will ever store from what waits for a server or for a corrected process."""

from bson.errors import InvalidDocument
from pydantic_core import PydanticSerializationError
from pymongo.errors import BulkWriteError, OperationFailure

# Codes of the server for a document that it can never keep: too large, nested too deeply, too large a key of an index.
_NEVER_KEPT = {10334, 15, 17280, 17282, 17419}


def is_poison(error: Exception | None) -> bool:
    """Whether no server will ever store what this record leads to, so that the record would block all behind it.

    Every other failure waits for a server or for a corrected process, and is never given up.
    """
    if isinstance(error, BulkWriteError):
        return any(fault["code"] in _NEVER_KEPT for fault in (error.details or {}).get("writeErrors", []))
    if isinstance(error, OperationFailure):
        return error.code in _NEVER_KEPT
    return isinstance(error, InvalidDocument | OverflowError | UnicodeEncodeError | PydanticSerializationError)
