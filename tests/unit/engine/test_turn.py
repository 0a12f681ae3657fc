"""What a turn gives up and what only has to wait."""

import pytest
from aiokafka.errors import KafkaConnectionError, MessageSizeTooLargeError
from bson.errors import InvalidDocument
from pymongo.errors import AutoReconnect, BulkWriteError, DocumentTooLarge, OperationFailure, WTimeoutError

from pakn.engine.mongo import is_poison
from pakn.errors import TryAgain


def bulk(*codes: int) -> BulkWriteError:
    return BulkWriteError({"writeErrors": [{"index": 0, "code": code} for code in codes]})


@pytest.mark.parametrize(
    "error",
    [bulk(11000, 10334), OperationFailure("x", 17419), DocumentTooLarge("x"), InvalidDocument("x"), OverflowError()],
    ids=repr,
)
def test_what_no_server_can_keep_lies_in_the_record(error: Exception) -> None:
    assert is_poison(error)


@pytest.mark.parametrize(
    "error",
    [
        None, bulk(11000), bulk(), OperationFailure("not authorized", 13), OperationFailure("disk full", 14031), AutoReconnect(),
        WTimeoutError("x"), KafkaConnectionError(), MessageSizeTooLargeError(), TryAgain(), OSError(), KeyError("a fault of ours"),
    ],
    ids=repr,
)  # fmt: skip
def test_an_outage_or_a_fault_of_ours_gives_up_nothing(error: Exception | None) -> None:
    """Records that wait are handled when the server is back or the process is corrected; given up, they would need a person."""
    assert not is_poison(error)
