"""Every batch of a fetch gives its records or one marked record, and the reading goes on behind it."""

import struct
from typing import Any

import aiokafka.consumer.fetcher as fetcher
import pytest
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from aiokafka.structs import ConsumerRecord, TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from pakn.engine import tolerant_records
from pakn.engine.bounded_decompression import MAX_BATCH_BYTES
from pakn.engine.tolerant_records import UNREADABLE, TolerantRecords

NONE, GZIP, SNAPPY, LZ4, ZSTD = range(5)
_COUNT, _LAST_DELTA, _CRC = 57, 23, 17


@pytest.fixture(autouse=True, scope="module")
def _installed() -> None:
    tolerant_records.install()


def batch(base: int, values: list[bytes], codec: int = NONE, headers: list[tuple[str, bytes | None]] | None = None) -> bytes:
    """A batch as the broker keeps it, from the offset `base` on."""
    builder = _DefaultRecordBatchBuilderPy(2, codec, 0, -1, -1, -1, 1 << 30)
    for offset, value in enumerate(values):
        builder.append(offset, 0, b"k", value, headers or [])
    return struct.pack(">q", base) + bytes(builder.build())[8:]


def read(data: bytes, position: int = 0) -> tuple[list[ConsumerRecord[Any, Any]], int]:
    """What the library's own reading makes of one fetch, and where it reads on."""
    place = TopicPartition("t", 0)
    found = fetcher.PartitionRecords(place, TolerantRecords(data), [], position, None, None, True, fetcher.READ_COMMITTED)
    return list(found), found.next_fetch_offset


def reason(record: ConsumerRecord[Any, Any]) -> str:
    """Why a record stands for a batch; empty for a record that is itself."""
    return next((value.decode() for name, value in record.headers if name == UNREADABLE), "")


def in_turn(batches: list[bytes]) -> list[tuple[int, bytes, str]]:
    """Read as a consumer does: what one fetch leaves out comes with the next."""
    found: list[tuple[int, bytes, str]] = []
    position = 0
    while True:
        rest = b"".join(row for row in batches if struct.unpack_from(">q", row)[0] >= position)
        records, end = read(rest, position)
        if end == position:
            return found
        found += [(record.offset, record.value, reason(record)) for record in records]
        position = end


@pytest.mark.parametrize("codec", [GZIP, SNAPPY, LZ4, ZSTD])
def test_a_batch_that_unfolds_too_far_is_one_marked_record_between_the_others(codec: int) -> None:
    bomb = batch(1, [bytes(MAX_BATCH_BYTES), b"x"], codec)
    assert len(bomb) < MAX_BATCH_BYTES // 10
    found, end = read(batch(0, [b"before"], codec) + bomb + batch(3, [b"after"], codec))
    assert [(record.offset, record.value, "TooLarge" in reason(record)) for record in found] == [
        (0, b"before", False), (2, b"", True), (3, b"after", False),
    ]  # fmt: skip
    assert end == 4


def test_a_record_with_millions_of_headers_is_marked_too() -> None:
    found, _ = read(batch(0, [b"x"], NONE, [("", None)] * 1_000_000) + batch(1, [b"after"]))
    assert [("TooLarge" in reason(record), record.value) for record in found] == [(True, b""), (False, b"after")]


def test_many_batches_that_each_keep_the_limit_come_in_several_fetches() -> None:
    """Five hundred batches of 2 KB that each unfold to 16 MB would be held at once: 8 GB for one fetch of a megabyte."""
    large = MAX_BATCH_BYTES // 3
    batches = [batch(offset, [b"%d" % offset + bytes(large)], ZSTD) for offset in range(12)]
    records, end = read(b"".join(batches))
    assert (len(records), end) == (2, 2)
    assert [(offset, int(value[:2].strip(b"\0")), why) for offset, value, why in in_turn(batches)] == [
        (n, n, "") for n in range(12)
    ]


def test_headers_count_against_a_fetch_too() -> None:
    batches = [batch(offset, [b"x"], ZSTD, [("", None)] * 100_000) for offset in range(6)]
    records, _ = read(b"".join(batches))
    assert len(records) == 2
    assert [offset for offset, *_ in in_turn(batches)] == list(range(6))


def damaged(data: bytes, place: int, instead: bytes) -> bytes:
    return data[:place] + instead + data[place + len(instead) :]


@pytest.mark.parametrize("delta", [-(2**31), -1, 0, 1, 3, 7, 2**31 - 1])
def test_a_wrong_checksum_marks_the_batch_and_nothing_behind_it_is_passed_over(delta: int) -> None:
    """The last offset stands under the same sum: a wrong one would skip others' records, or read the topic anew for ever."""
    wrong = damaged(batch(2, [b"a", b"b", b"c"]), _LAST_DELTA, struct.pack(">i", delta))
    found, end = read(batch(0, [b"x", b"y"]) + (wrong if delta != 2 else b"") + batch(5, [b"after"]))
    assert [(record.offset, bool(reason(record))) for record in found] == [(0, False), (1, False), (4, True), (5, False)]
    assert end == 6
    # With nothing behind it in the fetch, the smaller of its two statements holds, and the reading goes on at least by one.
    found, end = read(wrong, 2)
    assert [bool(reason(record)) for record in found] == [True]
    assert end == 2 + max(min(delta + 1, 3), 1)


@given(
    codec=st.sampled_from([NONE, GZIP, SNAPPY, LZ4, ZSTD]),
    damage=st.lists(st.tuples(st.integers(_CRC, 400), st.binary(min_size=1, max_size=8)), min_size=1, max_size=4),
    keep_sum=st.booleans(),
)
def test_no_damage_to_one_batch_costs_a_record_of_another(codec: int, damage: list[tuple[int, bytes]], keep_sum: bool) -> None:
    """With a sum that is right for the damaged bytes the library itself reads them, in compiled code."""
    raw = batch(1, [b"%d" % number * 9 for number in range(6)], codec, [("name", b"value")] * 3)
    for place, instead in damage:
        place = place % len(raw) if place % len(raw) >= _CRC else _COUNT
        raw = damaged(raw, place, instead)[: len(raw)]
    attributes = struct.unpack_from(">h", raw, 21)[0] & ~0x30
    raw = damaged(raw, 21, struct.pack(">h", attributes))
    if keep_sum:
        # The broker compares the last offset with the number of records before it keeps a batch whose sum is right.
        raw = damaged(damaged(raw, _LAST_DELTA, struct.pack(">i", 5)), _COUNT, struct.pack(">i", 6))
        raw = damaged(raw, _CRC, struct.pack(">I", fetcher_sum(raw)))
    found, end = read(batch(0, [b"before"]) + raw + batch(7, [b"after"]))
    assert (found[0].offset, found[0].value) == (0, b"before")
    assert (found[-1].offset, found[-1].value) == (7, b"after")
    assert end == 8
    offsets = [record.offset for record in found]
    assert offsets == sorted(set(offsets)), "what is committed follows from the offsets"


@pytest.mark.parametrize("stated", [1_000_000, 63, -5])
def test_an_offset_that_its_sender_made_up_is_not_believed(stated: int) -> None:
    """It is what would be committed: the next process would pass over all up to it."""
    builder = _DefaultRecordBatchBuilderPy(2, NONE, 0, -1, -1, -1, 1 << 30)
    builder.append(0, 0, b"k", b"good", [])
    builder.append(stated, 0, b"k", b"odd", [])
    raw = damaged(struct.pack(">q", 1) + bytes(builder.build())[8:], _LAST_DELTA, struct.pack(">i", 1))
    raw = damaged(raw, _CRC, struct.pack(">I", fetcher_sum(raw)))
    found, end = read(batch(0, [b"before"]) + raw + batch(3, [b"after"]))
    assert [(record.offset, record.value) for record in found] == [(0, b"before"), (1, b"good"), (2, b""), (3, b"after")]
    assert "offset" in reason(found[2])
    assert end == 4


def test_a_length_beyond_the_batch_does_not_end_the_process() -> None:
    """Read again after the first failure, by compiled code that looks at no end, it was a segmentation fault."""
    raw = batch(1, [b"x"])
    # Length, attributes, time, offset, and then the key's length: 2,000,000,000.
    raw = damaged(raw, 65, b"\x80\xd0\xac\xf3\x0e")
    raw = damaged(raw, _CRC, struct.pack(">I", fetcher_sum(raw)))
    found, _ = read(raw + batch(2, [b"after"]), 1)
    assert [(record.offset, bool(reason(record))) for record in found] == [(1, True), (2, False)]


def fetcher_sum(raw: bytes) -> int:
    from aiokafka.record.util import calc_crc32c

    return int(calc_crc32c(raw[21:]))


def test_this_is_what_the_consumers_use() -> None:
    assert fetcher.MemoryRecords is TolerantRecords
