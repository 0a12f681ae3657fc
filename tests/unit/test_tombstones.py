"""A record without a value in the topic of contacts erases; elsewhere, and for who does not ask for it, it is passed over."""

from datetime import UTC, datetime
from typing import cast
from unittest.mock import Mock

import pytest

from pakn.engine.kafka import Record
from pakn.engine.turn import Tombstone, Turn
from pakn.errors import GiveUp
from pakn.settings import Settings
from schemas.envelope import binary_headers

WANTED = frozenset({"ContactRecorded", "Tombstone"})


def turn(wanted: frozenset[str]) -> Turn:
    return Turn(Settings(namespace="t"), "notify", Mock(), Mock(), wanted, Mock(), Mock())


def record(key: bytes | None, topic: str = "t.contacts", headers: tuple[tuple[str, bytes], ...] = ()) -> Record:
    found = Mock(topic=topic, partition=2, offset=7, timestamp=0, key=key, value=None, headers=headers)
    return cast(Record, found)


def test_a_tombstone_needs_no_envelope_and_names_its_key() -> None:
    """Kafka's own tools erase a key without any header; such a record once ended as a dead letter and erased nothing."""
    received = turn(WANTED).parse(record(b"case-1"))
    assert received is not None
    assert isinstance(received.event, Tombstone)
    assert (received.envelope.name, received.envelope.subject) == ("Tombstone", "case-1")
    assert received.envelope.id == "t.contacts/2/7"


def test_a_tombstone_with_a_key_that_is_no_text_is_given_up() -> None:
    with pytest.raises(GiveUp, match="not UTF-8"):
        turn(WANTED).parse(record(b"\xff"))


def test_a_tombstone_is_no_event_for_who_did_not_ask_for_it() -> None:
    time = datetime(2026, 3, 2, 3, tzinfo=UTC)
    headers = binary_headers(id="1", type="pakn.ContactRecorded.v1", source="/t", time=time, subject="case-1")
    envelope = tuple((name, value.encode()) for name, value in headers.items())
    assert turn(frozenset({"ContactRecorded"})).parse(record(b"case-1", headers=envelope)) is None
    assert turn(WANTED).parse(record(b"case-1", topic="t.feedback", headers=envelope)) is None
