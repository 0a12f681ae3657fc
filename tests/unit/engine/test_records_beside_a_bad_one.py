"""What is wrong with one record of a batch costs that record alone: the others of the batch are read, at their places."""

import struct
from collections.abc import Callable
from typing import Any

import aiokafka.consumer.fetcher as fetcher
import pytest
from aiokafka.structs import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from pakn.engine import tolerant_records
from pakn.engine.tolerant_records import UNREADABLE, TolerantRecords
from tests.support.raw_batches import GZIP, LZ4, NONE, PACKERS, SNAPPY, ZSTD, around, packed, raw_record, varint

each_codec = pytest.mark.parametrize("codec", [NONE, GZIP, SNAPPY, LZ4, ZSTD])


@pytest.fixture(autouse=True, scope="module")
def _installed() -> None:
    tolerant_records.install()


def read(*batches: bytes) -> list[tuple[int, bytes | None, str]]:
    """Offset, value, and what is said of each record that a fetch of these batches gives."""
    base, data = 0, b""
    for raw in batches:
        data += struct.pack(">q", base) + raw[8:]
        base += struct.unpack_from(">i", raw, 57)[0]
    found = fetcher.PartitionRecords(TopicPartition("t", 0), TolerantRecords(data), [], 0, None, None, True, fetcher.READ_COMMITTED)
    records = list(found)
    assert found.next_fetch_offset == base
    return [(row.offset, row.value, dict(row.headers).get(UNREADABLE, b"").decode()) for row in records]


def good(place: int, size: int = 9) -> bytes:
    return raw_record(place, b"k", b"%d" % place * size, [(b"name", b"value")])


# What stands in place of the record at 2, whose length is right.
BAD: dict[str, Callable[[], bytes]] = {
    "a header whose name has no size": lambda: raw_record(2, b"k", b"v") [:-1] + varint(1) + varint(-7) + b"x",
    "fewer headers than it says": lambda: raw_record(2, b"k", b"v")[:-1] + varint(500) + varint(0) + varint(-1),
    "more bytes than it says": lambda: raw_record(2, b"k", b"v") + b"rest",
    "a value beyond its end": lambda: raw_record(2, b"k", None)[:-2] + varint(2_000_000_000) + b"v",
    "a key beyond its end": lambda: b"\x00\x00" + varint(2) + varint(40) + b"v" * 10,
    "a negative number of headers": lambda: raw_record(2, b"k", b"v")[:-1] + varint(-3),
    "nothing but zeros": lambda: bytes(3),
    "no end of a number": lambda: b"\xff" * 30,
    "the place of another": lambda: good(4),
}  # fmt: skip


@each_codec
@pytest.mark.parametrize("kind", BAD)
def test_a_record_that_cannot_be_read_is_marked_at_its_place_and_the_others_are_whole(kind: str, codec: int) -> None:
    """One wrong record took the good ones behind it along."""
    records = [good(0), good(1), BAD[kind](), good(3), good(4)]
    found = read(packed([good(0)]), packed(records, codec), packed([good(0)]))
    assert [(offset, bool(why)) for offset, _, why in found] == [(n, n == 3) for n in range(7)]
    assert [value for _, value, why in found if not why] == [b"0" * 9, b"0" * 9, b"1" * 9, b"3" * 9, b"4" * 9, b"0" * 9]


@each_codec
def test_a_record_with_too_many_headers_is_marked_alone(codec: int) -> None:
    crowded = raw_record(1, b"k", b"v", [(b"", None)] * 1001)
    found = read(packed([good(0, 600_000), crowded, good(2, 600_000), raw_record(3, b"k", b"last", [(b"\xff", None)])], codec))
    assert [(offset, len(value or b""), "1001 headers" in why) for offset, value, why in found] == [
        (0, 600_000, False), (1, 0, True), (2, 600_000, False), (3, 4, False),
    ]  # fmt: skip


@each_codec
def test_what_lies_behind_a_wrong_length_is_one_marked_record(codec: int) -> None:
    """Where the next record begins can only be told by the length of the one before."""
    body = b"".join(varint(len(row)) + row for row in (good(0), good(1))) + varint(70_000) + good(2)
    found = read(around(bytes(PACKERS[codec](body)), 4, codec), packed([good(0)]))
    assert [(offset, value, bool(why)) for offset, value, why in found] == [
        (0, b"0" * 9, False), (1, b"1" * 9, False), (3, b"", True), (4, b"0" * 9, False),
    ]  # fmt: skip


@given(st.lists(st.none() | st.binary(min_size=1, max_size=40), min_size=1, max_size=12), st.sampled_from([NONE, ZSTD, SNAPPY]))
def test_whatever_stands_between_good_records_they_are_read(parts: list[bytes | None], codec: int) -> None:
    records = [good(place) if part is None else part for place, part in enumerate(parts)]
    found = read(packed(records, codec), packed([good(0)]))
    assert [offset for offset, *_ in found] == list(range(len(parts) + 1))
    for place, part in enumerate(parts):
        assert part is not None or found[place][1:] == (b"%d" % place * 9, "")


def test_a_record_that_says_too_much_of_itself_is_not_read_on_into_the_next() -> None:
    """Each was read on to the end of the batch: a megabyte would have taken hours."""
    liar: Any = raw_record(0, None, b"")[:-1] + varint(100_000_000) + bytes(10)
    found = read(packed([liar] * 4_000))
    assert len(found) == 4_000
    assert all(why for _, _, why in found)
