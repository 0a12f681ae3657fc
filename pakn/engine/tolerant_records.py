"""Lets the client library hand over every record of a fetch, also one that it cannot unpack.

aiokafka 0.14 raises out of its reading loop on a header whose name is not UTF-8. What it had fetched of other partitions is
dropped then, and the next commit passes over it: one sender's record loses those of others, in silence. Here such a name is
read with replacement characters, and a batch that cannot be unpacked at all becomes one marked record, so that the service
gives up that record alone. Nor does one fetch take memory without measure. A test fails where a later aiokafka moves what is
replaced.
"""

import struct
from collections.abc import Iterator
from typing import Any

import aiokafka.consumer.fetcher as fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record import default_records, memory_records
from aiokafka.record.util import decode_varint_py

from pakn.engine import bounded_decompression

UNREADABLE = "unreadable-batch"
"""The header of a record that stands for a batch that could not be unpacked; its value says why."""
_MAGIC, _FIRST_WITH_HEADERS, _RECORD_COUNT, _RECORDS = 16, 2, 57, 61
_ENOUGH_BYTES = 8 * 1024 * 1024  # As much as the largest lawful submission; a turn of ordinary records has a tenth of it.
_HEADER_BYTES = 70  # What a header without a name and a value takes in memory.


class _ReplacingBuffer(bytearray):
    """Bytes of a batch whose slices decode whatever they hold."""

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        return _ReplacingBuffer(found) if isinstance(key, slice) else found

    def decode(self, encoding: str = "utf-8", _errors: str = "strict") -> str:
        return super().decode(encoding, "replace")


class _ReplacingBatch(default_records._DefaultRecordBatchPy):  # type: ignore[misc]
    _buffer: Any

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        self._buffer = _ReplacingBuffer(self._buffer)

    def _read_msg(self, _decode_varint: Any = None) -> Any:
        # The compiled way to read a number does not look where the bytes end: a wrong length ends the process.
        return super()._read_msg(decode_varint_py)


class TolerantBatch:
    """A batch of which every record is given; all else is the library's own. `base_of_next` is where the next batch of the
    fetch begins, and `held` the bytes of memory that the records given so far take."""

    def __init__(self, batch: Any, raw: bytes, base_of_next: int | None) -> None:
        self._batch = batch
        self._raw = raw
        self._base_of_next = base_of_next
        self._records: Iterator[Any] | None = None
        self._whole = True
        self.held = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __iter__(self) -> "TolerantBatch":
        return self

    def __next__(self) -> Any:
        if self._records is None:
            self._records = self._all_records()
        record = next(self._records)
        self.held += len(record.value or b"") + len(record.key or b"") + _HEADER_BYTES * len(record.headers)
        self.held += sum(len(name) + len(value or b"") for name, value in record.headers)
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
        last: int = self._batch.base_offset - 1
        given, failure = 0, "CorruptRecordException('wrong checksum')"
        for read in (lambda: self._batch, lambda: _ReplacingBatch(bytearray(self._raw))) if self._whole else ():
            try:
                if not self._batch.compression_type:
                    bounded_decompression.checked(self._raw, _RECORDS)
                for number, record in enumerate(read()):
                    if number >= given:
                        # The broker does not look at it, and what is committed follows from it.
                        if not last < record.offset < self.next_offset:
                            raise CorruptRecordException(f"offset {record.offset} behind {last}")
                        yield record
                        given, last = given + 1, record.offset
                return
            except bounded_decompression.TooLarge as error:
                failure = repr(error)
                break
            except Exception as error:  # Whatever the library cannot unpack is this batch's matter, and no other's.
                failure = repr(error)
        mark = [(UNREADABLE, failure.encode())]
        yield default_records._DefaultRecordPy(self.next_offset - 1, self._batch.max_timestamp, 0, None, b"", mark)


class TolerantRecords(memory_records._MemoryRecordsPy):  # type: ignore[misc]
    """What a fetch brought of one partition, until its records take enough memory; the rest is fetched again."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._batch: TolerantBatch | None = None
        self._held = 0

    def has_next(self) -> bool:
        if self._batch is not None:
            # Let go at once: a batch keeps all that it unfolded to.
            self._held, self._batch = self._held + self._batch.held, None
        return bool(super().has_next()) and self._held < _ENOUGH_BYTES

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
