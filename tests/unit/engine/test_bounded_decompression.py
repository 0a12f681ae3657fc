"""Batches unfold up to a limit, whichever codec packed them; below it they are read as the client library reads them."""

import contextlib
import gzip
import struct
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

import aiokafka.codec as library
import cramjam
import pytest
from aiokafka.record import default_records
from aiokafka.record._crecords import default_records as compiled
from hypothesis import given
from hypothesis import strategies as st

from pakn.engine import bounded_decompression
from pakn.engine.bounded_decompression import CODECS, MAX_BATCH_BYTES, MAX_HEADERS, MAX_RECORDS, TooLarge, checked

PACKERS: dict[str, tuple[str, Callable[[bytes], Any]]] = {
    "gzip": ("gzip_decode", library.gzip_encode),
    "snappy of Java": ("snappy_decode", library.snappy_encode),
    "plain snappy": ("snappy_decode", lambda data: library.snappy_encode(data, xerial_compatible=False)),
    "lz4": ("lz4_decode", library.lz4_encode),
    "zstd": ("zstd_decode", library.zstd_encode),
}
each_codec = pytest.mark.parametrize("codec", PACKERS)


def unfold(codec: str, packed: bytes) -> bytes:
    return CODECS[PACKERS[codec][0]](packed)


def pack(codec: str, data: bytes) -> bytes:
    return bytes(PACKERS[codec][1](data))


@each_codec
@given(
    data=st.binary(min_size=1, max_size=100_000)
    | st.builds(lambda part, times: part * times, st.binary(min_size=1), st.integers(1, 2000))
)
def test_what_was_packed_comes_out_as_the_library_reads_it(codec: str, data: bytes) -> None:
    packed = pack(codec, data)
    assert unfold(codec, packed) == getattr(library, PACKERS[codec][0])(packed) == data


@each_codec
def test_the_limit_is_exact(codec: str) -> None:
    assert unfold(codec, pack(codec, bytes(MAX_BATCH_BYTES))) == bytes(MAX_BATCH_BYTES)
    with pytest.raises(TooLarge):
        unfold(codec, pack(codec, bytes(MAX_BATCH_BYTES + 1)))


@each_codec
def test_a_batch_that_unfolds_without_measure_takes_no_more_memory_than_the_limit(codec: str) -> None:
    """19 KB of zstd became 600 MB, twice."""
    packed = pack(codec, bytes(10 * MAX_BATCH_BYTES))
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            unfold(codec, packed)
        assert tracemalloc.get_traced_memory()[1] < 2 * MAX_BATCH_BYTES
    finally:
        tracemalloc.stop()


@each_codec
@given(data=st.binary(min_size=1, max_size=300), cut=st.integers(1, 40), place=st.integers(0, 400))
def test_what_was_damaged_on_the_way_ends_in_an_error_or_in_bytes(codec: str, data: bytes, cut: int, place: int) -> None:
    packed = bytearray(pack(codec, data))
    packed[place % len(packed)] ^= cut
    for damaged in (bytes(packed), bytes(packed[:-cut]), bytes(packed) + b"\x00" * cut):
        with contextlib.suppress(cramjam.DecompressionError, TooLarge, ValueError, struct.error):
            assert len(unfold(codec, damaged)) <= MAX_BATCH_BYTES


@pytest.mark.timeout(20)
@pytest.mark.parametrize("length", [0, -4, -(2**31)])
def test_a_block_that_leads_back_to_itself_is_an_error(length: int) -> None:
    """The library reads the same block again and again, and the service stands still."""
    with pytest.raises(ValueError, match="block"):
        CODECS["snappy_decode"](pack("snappy of Java", b"x")[:16] + struct.pack("!i", length))


def test_several_members_of_gzip_count_together() -> None:
    half = gzip.compress(bytes(MAX_BATCH_BYTES // 2))
    assert len(CODECS["gzip_decode"](half * 2)) == MAX_BATCH_BYTES
    with pytest.raises(TooLarge):
        CODECS["gzip_decode"](half * 2 + gzip.compress(b"x"))


def test_a_large_batch_of_countless_records_is_refused_before_they_are_handed_over() -> None:
    shortest = bytes([12, 0, 0, 0, 1, 1, 0])
    assert checked(records(MAX_RECORDS // 5, 0, bytes(60)))
    with pytest.raises(TooLarge, match="records"):
        checked(shortest * 2 * MAX_RECORDS)


def records(count: int, headers: int, value: bytes = b"v") -> bytes:
    """`count` records as they are inside a batch."""
    builder = default_records._DefaultRecordBatchBuilderPy(2, 0, 0, -1, -1, -1, 1 << 30)
    for offset in range(count):
        builder.append(offset, 0, b"k", value, [("", None)] * headers)
    return bytes(builder.build())[61:]


def test_headers_of_a_large_batch_are_counted_before_they_are_made() -> None:
    """Four million empty headers fit a record of 8 MB, and take 270 MB."""
    with pytest.raises(TooLarge, match="600000 headers"):
        bounded_decompression.checked(records(1, 600_000))
    with pytest.raises(TooLarge, match=f"{MAX_HEADERS + 1} headers"):
        CODECS["zstd_decode"](pack("zstd", records(3, 5, b"x" * 500_000) + records(1, MAX_HEADERS + 1)))
    lawful = records(4, MAX_HEADERS, b"x" * 500_000)
    assert bounded_decompression.checked(lawful) is lawful


def test_what_is_no_record_ends_the_look() -> None:
    """Sixteen megabytes of zeros were looked through byte by byte, and stopped all of intake for minutes."""
    zeros, calls = bytes(MAX_BATCH_BYTES), 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    sys.setprofile(count)
    try:
        assert bounded_decompression.checked(zeros) is zeros
    finally:
        sys.setprofile(None)
    assert calls < 1000


@given(damage=st.lists(st.tuples(st.integers(0, 2_000), st.binary(min_size=1, max_size=12)), max_size=5))
def test_counting_headers_survives_every_damage(damage: list[tuple[int, bytes]]) -> None:
    found = bytearray(_MANY)
    for place, instead in damage:
        found[place : place + len(instead)] = instead
    with contextlib.suppress(TooLarge):
        bounded_decompression.checked(bytes(found))


_MANY = records(300, 2) + records(2, 3, b"x" * 600_000)


def test_what_is_replaced_is_where_the_library_looks_it_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that has moved would be replaced without effect, and the limit be gone in silence."""
    for module in (default_records, compiled):
        for name in CODECS:
            monkeypatch.setattr(module, name, getattr(library, name))  # fails where the name is not there
    bounded_decompression.install()
    for module in (default_records, compiled):
        assert {name: getattr(module, name) for name in CODECS} == CODECS
    for kind, codec in ((1, "gzip"), (2, "snappy of Java"), (3, "lz4"), (4, "zstd")):
        builder = default_records._DefaultRecordBatchBuilderPy(2, kind, 0, -1, -1, -1, 1 << 30)
        builder.append(0, 0, None, bytes(2 * MAX_BATCH_BYTES), [])
        raw = bytes(builder.build())
        for reader in (compiled.DefaultRecordBatch, default_records._DefaultRecordBatchPy):
            with pytest.raises(TooLarge):
                list(reader(raw))
            assert codec in PACKERS
