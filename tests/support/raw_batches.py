"""Batches of records that no ordinary client makes, and the way to hand them to the broker past a client's own checks."""

import struct
from collections.abc import Callable, Sequence
from typing import Any

import aiokafka.codec as library
import cramjam
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from aiokafka.record.util import calc_crc32c, encode_varint

from pakn.engine.kafka_login import client_options
from pakn.settings import Settings

NONE, GZIP, SNAPPY, LZ4, ZSTD = range(5)
_ATTRIBUTES, _CRC, _LAST_DELTA, _COUNT, _HEADER_BYTES = 21, 17, 23, 57, 61
_CHUNK_BYTES = 1024 * 1024
_CHUNK = bytes(_CHUNK_BYTES)
RawRecord = tuple[bytes | None, bytes | None, Sequence[tuple[str, bytes | None]]]


class NotUtf8(str):
    """A header's name of the bytes that `raw` has, which no ordinary client lets one send."""

    raw = b"\xff\xfe"

    def encode(self, *_: str) -> bytes:
        return self.raw


def batch(records: Sequence[RawRecord], codec: int = NONE) -> bytes:
    """A batch of (key, value, headers)."""
    builder = _DefaultRecordBatchBuilderPy(2, codec, 0, -1, -1, -1, 1 << 30)
    for offset, (key, value, headers) in enumerate(records):
        builder.append(offset, 0, key, value, list(headers))
    return bytes(builder.build())


def raw_record(place: int, key: bytes | None, value: bytes | None, headers: Sequence[tuple[bytes, bytes | None]] = ()) -> bytes:
    """A record without its length, with headers of any bytes, `place` records behind the first of its batch."""
    made = bytearray(b"\x00\x00" + varint(place))  # attributes, time
    for part in (key, value):
        _write(made, part)
    made += varint(len(headers))
    for name, text in headers:
        _write(made, name)
        _write(made, text)
    return bytes(made)


def varint(number: int) -> bytes:
    """A number as records write it."""
    made = bytearray()
    encode_varint(number, made.append)
    return bytes(made)


def _write(made: bytearray, part: bytes | None) -> None:
    made += varint(-1 if part is None else len(part))
    made += part or b""


PACKERS: tuple[Callable[[bytes], Any], ...] = (
    bytes, library.gzip_encode, library.snappy_encode, library.lz4_encode, library.zstd_encode,
)  # fmt: skip


def packed(records: Sequence[bytes], codec: int = NONE) -> bytes:
    """A batch of records that `raw_record` made, or of whatever stands for them, each behind its length."""
    whole = bytearray()
    for record in records:
        whole += varint(len(record))
        whole += record
    return around(bytes(PACKERS[codec](bytes(whole))), len(records), codec)


def around(body: bytes, count: int, codec: int) -> bytes:
    """A batch whose records are `body` as it is, packed already, under a checksum that is right."""
    raw = bytearray(batch([(None, b"", [])])[:_HEADER_BYTES]) + body
    struct.pack_into(">i", raw, 8, len(raw) - 12)
    struct.pack_into(">h", raw, _ATTRIBUTES, codec)
    struct.pack_into(">i", raw, _LAST_DELTA, count - 1)
    struct.pack_into(">i", raw, _COUNT, count)
    return signed(bytes(raw))


def signed(raw: bytes) -> bytes:
    """A batch that was changed by hand, with the checksum of what it holds now."""
    return raw[:_CRC] + struct.pack(">I", calc_crc32c(raw[_ATTRIBUTES:])) + raw[_ATTRIBUTES:]


def bomb(megabytes: int) -> bytes:
    """A batch of one record of zeros, packed by zstd piece by piece: 30 bytes stand for a megabyte."""
    size = megabytes * len(_CHUNK)
    front, length = bytearray(), bytearray()
    for number in (0, 0, 0, -1, size):  # attributes, time, offset, key, value
        encode_varint(number, front.append)
    encode_varint(len(front) + size + 1, length.append)
    packer = cramjam.zstd.Compressor()
    packer.compress(bytes(length + front))
    for _ in range(megabytes):
        packer.compress(_CHUNK)
    packer.compress(b"\x00")  # no headers
    return around(bytes(packer.finish()), 1, ZSTD)


class RawSender:
    """Hands finished batches to the broker, and asks it for some, past a client's own checks; `async with` connects it."""

    def __init__(self, settings: Settings) -> None:
        self._namespace = settings.namespace
        self._client = AIOKafkaClient(**client_options(settings.kafka))

    async def __aenter__(self) -> "RawSender":
        await self._client.bootstrap()
        await self._client.force_metadata_update()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def send(self, topic: str, raw: bytes) -> int:
        """Send a batch to the first partition of `topic`; returns Kafka's error code, 0 when the batch was taken."""
        return (await self.place(topic, raw))[0]

    async def place(self, topic: str, raw: bytes) -> tuple[int, int]:
        """The same, with the offset at which the batch begins."""
        node = self._client.cluster.brokers().pop().nodeId
        request = ProduceRequest(None, -1, 20_000, [(f"{self._namespace}.{topic}", [(0, raw)])])
        answer = await self._client.send(node, request)
        _, error, first, *_ = answer.topics[0][1][0]
        return int(error), int(first)

    async def fetch(self, topic: str) -> int:
        """Kafka's error code for a read of the first partition of `topic`, 0 when it may be read."""
        node = self._client.cluster.brokers().pop().nodeId
        partitions = [(0, 0, _CHUNK_BYTES)]
        request = FetchRequest(100, 0, _CHUNK_BYTES, 0, [(f"{self._namespace}.{topic}", partitions)])
        answer = await self._client.send(node, request)
        return int(answer.topics[0][1][0][1])
