"""Lets the client library hand over every record of a fetch, also one that it cannot unpack.

aiokafka 0.14 raises out of its reading loop on a header whose name is not UTF-8. What it had fetched of other partitions is
dropped then, and the next commit passes over it: one sender's record loses those of others, in silence. Here such a name is
read with replacement characters, and a batch that cannot be unpacked at all becomes one marked record, so that the service
gives up that record alone. A test fails where a later aiokafka moves what is replaced.
"""

from collections.abc import Iterator
from typing import Any

import aiokafka.consumer.fetcher as fetcher
from aiokafka.record import default_records, memory_records

UNREADABLE = "unreadable-batch"
"""The header of a record that stands for a batch that could not be unpacked; its value says why."""
_MAGIC, _FIRST_WITH_HEADERS = 16, 2


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


class TolerantBatch:
    """A batch of which every record is given; all else is the library's own."""

    def __init__(self, batch: Any, raw: bytes) -> None:
        self._batch = batch
        self._raw = raw
        self._records: Iterator[Any] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __iter__(self) -> "TolerantBatch":
        return self

    def __next__(self) -> Any:
        if self._records is None:
            self._records = self._all_records()
        return next(self._records)

    def _all_records(self) -> Iterator[Any]:
        given = 0
        for read in (lambda: self._batch, lambda: _ReplacingBatch(bytearray(self._raw))):
            try:
                for number, record in enumerate(read()):
                    if number >= given:
                        yield record
                        given += 1
                return
            except Exception as error:  # Whatever the library cannot unpack is this batch's matter, and no other's.
                failure = repr(error)
        batch = self._batch
        mark = [(UNREADABLE, failure.encode())]
        yield default_records._DefaultRecordPy(batch.next_offset - 1, batch.max_timestamp, 0, None, b"", mark)


class TolerantRecords(memory_records._MemoryRecordsPy):  # type: ignore[misc]
    """What a fetch brought of one partition."""

    def next_batch(self) -> Any:
        raw = bytes(self._next_slice) if self._next_slice is not None else b""
        batch = super().next_batch()
        if batch is None or raw[_MAGIC] < _FIRST_WITH_HEADERS or batch.is_control_batch:
            return batch
        return TolerantBatch(batch, raw)


def install() -> None:
    """Let every consumer of this process read so, from its next fetch on."""
    fetcher.MemoryRecords = TolerantRecords
