"""Lets the client library hand over every record of a fetch, also one that it cannot unpack.

aiokafka 0.14 raises out of its reading loop on a header whose name is not UTF-8. What it had fetched of other partitions is
dropped then, and the next commit passes over it: one sender's record loses those of others, in silence. Here such a name is
read with replacement characters, and a record that cannot be read, or what cannot be unpacked of a batch, becomes one marked
record, so that the service gives up that one alone. Nor does one fetch take memory without measure. A test fails where a later
aiokafka moves what is replaced.
"""

import struct
from collections.abc import Iterator
from itertools import islice
from typing import Any

import aiokafka.consumer.fetcher as fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record import default_records, memory_records
from aiokafka.record.util import decode_varint_py

from pakn.engine import bounded_decompression

UNREADABLE = "unreadable-batch"
"""The header of a record that stands for one, or for the rest of a batch, that could not be read; its value says why."""
_MAGIC, _FIRST_WITH_HEADERS, _RECORD_COUNT, _RECORDS = 16, 2, 57, 61
_ENOUGH_BYTES = 8 * 1024 * 1024  # As much as the largest lawful submission; a turn of ordinary records has a tenth of it.
_LONGEST_MARK = 500
_HEADER_BYTES = 70  # What a header without a name and a value takes in memory.


class _ReplacingBuffer(bytearray):
    """Bytes of a batch whose slices decode whatever they hold."""

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        return _ReplacingBuffer(found) if isinstance(key, slice) else found

    def decode(self, encoding: str = "utf-8", _errors: str = "strict") -> str:
        return super().decode(encoding, "replace")


class _RecordByRecord(default_records._DefaultRecordBatchPy):  # type: ignore[misc]
    """Reads a batch so that what is wrong with one record costs that record alone, as long as its length is right."""

    _buffer: Any
    _pos: int

    def each(self) -> Iterator[Any]:
        """Every record, or a marked one at the place of each that cannot be read. Raises where the rest cannot be told apart."""
        records = bounded_decompression.unfold(self.compression_type, bytes(memoryview(self._buffer)[self._pos :]))
        # A producer numbers its records without gaps; only compaction makes some.
        span = self.next_offset - self.base_offset
        gaps = range(1 if self._num_records == span else span)
        position, place = 0, self.base_offset
        for _ in range(self._num_records):
            end = bounded_decompression.end_of_record(records, position)
            if end > len(records):
                raise CorruptRecordException(f"a record of {end - position} bytes")
            record = self._one(records[position:end], bounded_decompression.is_large(records))
            if isinstance(record, Exception):
                record = marked(place, self.max_timestamp, record)
            elif record.offset - place not in gaps:
                # The broker does not look at it, and what is committed follows from it.
                record = marked(place, self.max_timestamp, CorruptRecordException(f"offset {record.offset} at {place}"))
            yield record
            position, place = end, record.offset + 1

    def _one(self, raw: bytes, in_large_batch: bool) -> Any:
        # The library reads on past the end of a record that says too much of itself, so it gets the bytes of this one only.
        self._buffer, self._pos = _ReplacingBuffer(raw), 0
        try:
            if in_large_batch:
                bounded_decompression.check_headers(raw, 0)
            # The compiled way to read a number does not look where the bytes end: a wrong length ends the process.
            return self._read_msg(decode_varint_py)
        except Exception as error:  # Whatever the library cannot read is this record's matter, and no other's.
            return error


def marked(offset: int, timestamp: int, error: Exception) -> Any:
    """The record that stands for what could not be read at this offset."""
    return default_records._DefaultRecordPy(offset, timestamp, 0, None, b"", [(UNREADABLE, repr(error)[:_LONGEST_MARK].encode())])


class TolerantBatch:
    """A batch of which every record is given; all else is the library's own. `base_of_next` is where the next batch of the
    fetch begins, and `taken_bytes` the memory that the records given so far take."""

    def __init__(self, batch: Any, raw: bytes, base_of_next: int | None) -> None:
        self._batch = batch
        self._raw = raw
        self._base_of_next = base_of_next
        self._records: Iterator[Any] | None = None
        self._whole = True
        self.taken_bytes = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __iter__(self) -> "TolerantBatch":
        return self

    def __next__(self) -> Any:
        if self._records is None:
            self._records = self._all_records()
        record = next(self._records)
        self.taken_bytes += len(record.value or b"") + len(record.key or b"") + _HEADER_BYTES * len(record.headers)
        self.taken_bytes += sum(len(name) + len(value or b"") for name, value in record.headers)
        return record

    def validate_crc(self) -> bool:
        """Always true, since the library would end the reading of all partitions; a wrong sum marks the batch."""
        self._whole = self._batch.validate_crc()
        return True

    @property
    def next_offset(self) -> int:
        """Where to read on. What a batch with a wrong sum says of its last offset is believed only up to the next batch."""
        stated: int = self._batch.next_offset
        if self._whole:
            return stated
        base: int = self._batch.base_offset
        if self._base_of_next is not None and self._base_of_next > base:
            return self._base_of_next
        # A producer numbers its records without gaps, so the smaller of two statements leaves nothing out.
        count: int = struct.unpack_from(">i", self._raw, _RECORD_COUNT)[0]
        return max(min(stated, base + count), base + 1)

    def _all_records(self) -> Iterator[Any]:
        given, last = 0, self._batch.base_offset - 1
        failure: Exception = CorruptRecordException("wrong checksum")
        for read in (self._by_the_library, self._one_by_one) if self._whole else ():
            try:
                for record in islice(read(), given, None):
                    if not last < record.offset < self.next_offset:
                        raise CorruptRecordException(f"offset {record.offset} behind {last}")
                    yield record
                    given, last = given + 1, record.offset
                return
            except bounded_decompression.Crowded as error:
                failure = error
            except bounded_decompression.TooLarge as error:
                failure = error
                break
            except Exception as error:  # Whatever the library cannot unpack is this batch's matter, and no other's.
                failure = error
        # All that is left of the batch.
        if last < self.next_offset - 1:
            yield marked(self.next_offset - 1, self._batch.max_timestamp, failure)

    def _by_the_library(self) -> Iterator[Any]:
        if not self._batch.compression_type:
            bounded_decompression.checked(self._raw, _RECORDS)
        (count,) = struct.unpack_from(">i", self._raw, _RECORD_COUNT)
        without_gaps = count == self.next_offset - self._batch.base_offset
        for place, record in enumerate(self._batch, self._batch.base_offset):
            if without_gaps and record.offset != place:
                raise CorruptRecordException(f"offset {record.offset} at {place}")
            yield record

    def _one_by_one(self) -> Iterator[Any]:
        return _RecordByRecord(bytearray(self._raw)).each()


class TolerantRecords(memory_records._MemoryRecordsPy):  # type: ignore[misc]
    """What a fetch brought of one partition, until its records take enough memory; the rest is fetched again."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._batch: TolerantBatch | None = None
        self._taken_bytes = 0

    def has_next(self) -> bool:
        if self._batch is not None:
            # Let go at once: a batch keeps all that it unfolded to.
            self._taken_bytes, self._batch = self._taken_bytes + self._batch.taken_bytes, None
        return bool(super().has_next()) and self._taken_bytes < _ENOUGH_BYTES

    def next_batch(self) -> Any:
        raw = bytes(self._next_slice) if self._next_slice is not None else b""
        batch = super().next_batch()
        if batch is None or raw[_MAGIC] < _FIRST_WITH_HEADERS or batch.is_control_batch:
            return batch
        base_of_next = struct.unpack_from(">q", self._next_slice)[0] if self._next_slice is not None else None
        self._batch = TolerantBatch(batch, raw, base_of_next)
        return self._batch


def install() -> None:
    """Let every consumer of this process read so, from its next fetch on."""
    bounded_decompression.install()
    fetcher.MemoryRecords = TolerantRecords
