"""Unfolds compressed batches of Kafka up to a limit, where the client library unfolds whatever comes.

19 KB of zstd unfold to 600 MB: the library would hold them twice, and the process of every portal would be killed for one
sender's record. What this module replaces stands in `CODECS`; a test fails where a later aiokafka moves it.
"""

import struct
import threading
from collections.abc import Callable
from typing import Any

import cramjam
from aiokafka.codec import _detect_xerial_stream
from aiokafka.record import default_records
from aiokafka.record.util import decode_varint_py

MAX_BATCH_BYTES = 16 * 1024 * 1024
"""What a batch may unfold to. Producers bound a batch before they compress it, by `max.request.size` or `message.max.bytes`, and
the largest topic takes 9 MB; the rest is for clients whose count of bytes is a rough one."""
MAX_HEADERS = 1000
"""What a record of a large batch may have; an envelope has ten. Each costs 70 bytes of memory and as little as two in the batch."""
MAX_RECORDS = 100_000
"""What a batch of more than a megabyte may have; a lawful record takes hundreds of bytes. Looking at each stops all other work."""
_SMALL = 1024 * 1024
# Of the seven numbers that every record has, each takes a byte or more, and so do both lengths of a header.
_SHORTEST_RECORD = 7
_SHORTEST_CROWDED_RECORD = 2 * MAX_HEADERS
_XERIAL_HEADER_BYTES = 16
_own = threading.local()


class TooLarge(Exception):
    """A batch that would take more memory than a batch may."""


class Crowded(TooLarge):
    """One record of a batch that would do so by its headers; the others may be read."""


def _scratch() -> bytearray:
    # Reused, since filling it with zeros takes longer than most batches; one a thread, since the codecs let others run.
    if not hasattr(_own, "scratch"):
        _own.scratch = bytearray(MAX_BATCH_BYTES)
    scratch: bytearray = _own.scratch
    return scratch


def _too_large() -> TooLarge:
    return TooLarge(f"the batch unfolds to more than {MAX_BATCH_BYTES} bytes")


def _bounded(unfold_into: Callable[[Any, Any], int]) -> Callable[[Any], bytes]:
    def decode(data: Any) -> bytes:
        scratch = _scratch()
        try:
            length = unfold_into(data, scratch)
        except cramjam.DecompressionError as error:
            if "whole buffer" in str(error) or "smaller than required" in str(error):
                raise _too_large() from None
            raise
        return bytes(memoryview(scratch)[:length])

    return decode


def _snappy_decode(data: Any) -> bytes:
    if not _detect_xerial_stream(data):
        return _raw_snappy(data)
    blocks, total, position = [], 0, _XERIAL_HEADER_BYTES
    while position < len(data):
        (length,) = struct.unpack_from("!i", data, position)
        if length <= 0:
            # The library would go back, and read the same blocks for ever.
            raise ValueError(f"a block of {length} bytes")
        position += 4
        block = data[position : position + length]
        position += length
        total += cramjam.snappy.decompress_raw_len(block)
        if total > MAX_BATCH_BYTES:
            raise _too_large()
        blocks.append(bytes(cramjam.snappy.decompress_raw(block)))
    return b"".join(blocks)


_raw_snappy = _bounded(cramjam.snappy.decompress_raw_into)
_UNFOLD: dict[str, Callable[[Any], bytes]] = {
    "gzip_decode": _bounded(cramjam.gzip.decompress_into),
    "snappy_decode": _snappy_decode,
    "lz4_decode": _bounded(cramjam.lz4.decompress_into),
    "zstd_decode": _bounded(cramjam.zstd.decompress_into),
}
_BY_NUMBER = (bytes, *_UNFOLD.values())


def checked(records: bytes, start: int = 0) -> bytes:
    """`records` (unfolded, from `start` on) as they are.

    Raises Crowded where one has more than MAX_HEADERS headers, and TooLarge where there are more than MAX_RECORDS. A batch of
    up to a megabyte is not looked through. What is no record ends the look: the library says what is wrong.
    """
    position, count = start, 0
    while is_large(records) and position < len(records):
        try:
            end = end_of_record(records, position)
            if end - position >= _SHORTEST_CROWDED_RECORD:
                check_headers(records, position)
        except (IndexError, ValueError):
            break
        if end - position < _SHORTEST_RECORD:
            break
        position, count = end, count + 1
        if count > MAX_RECORDS:
            raise TooLarge(f"the batch has more than {MAX_RECORDS} records")
    return records


def is_large(records: bytes) -> bool:
    """Whether these records could hold enough headers to matter."""
    return len(records) > _SMALL


def end_of_record(records: bytes, position: int) -> int:
    """Where the record that begins at `position` says that it ends, further on. Raises IndexError and ValueError."""
    length, position = decode_varint_py(records, position)
    if length <= 0:
        raise ValueError(f"a record of {length} bytes")
    end: int = position + length
    return end


def check_headers(records: bytes, position: int) -> None:
    """Raises Crowded for a record with more than MAX_HEADERS headers, IndexError and ValueError for what is none."""
    read = decode_varint_py
    for _ in ("length", "attributes", "time", "offset"):
        _, position = read(records, position)
    for _ in ("key", "value"):
        size, position = read(records, position)
        position += max(size, 0)
    headers, _ = read(records, position)
    if headers > MAX_HEADERS:
        raise Crowded(f"a record has {headers} headers, more than {MAX_HEADERS}")


def unfold(codec: int, data: bytes) -> bytes:
    """The records of a batch that Kafka's `codec` (0 to 4) has packed, however many headers each has.

    Raises TooLarge, and what the codec raises.
    """
    return _BY_NUMBER[codec](data)


def _checked(unfold: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
    return lambda data: checked(unfold(data))


CODECS = {name: _checked(unfold) for name, unfold in _UNFOLD.items()}
"""What the library's readers use in place of their own; they make all headers of a record at once."""


def install() -> None:
    """Let both of the library's readers of batches unfold so."""
    modules: list[Any] = [default_records]
    try:
        from aiokafka.record._crecords import default_records as compiled

        modules.append(compiled)
    except ImportError:  # The library runs without its extension too.
        pass
    for module in modules:
        for name, decode in CODECS.items():
            setattr(module, name, decode)
