"""Dead letters: records that a service could not handle, with the reason. People read them.

A record is kept byte for byte; its headers become `original-...` headers beside the reason and the place it came from.
"""

import asyncio
from collections.abc import Iterable, Iterator
from itertools import islice

from aiokafka.errors import MessageSizeTooLargeError
from faststream.kafka import KafkaBroker

from pakn.engine import kafka
from pakn.engine.kafka import Record
from pakn.errors import GiveUp
from schemas import topics

CONTENT_TYPE = "application/octet-stream"  # The bytes may be anything; `original-content-type` says what their sender said.
_TOGETHER = 1024 * 1024  # bytes of letters that are sent at once
_MOST_HEADERS, _LONGEST_HEADER = 50, 2000  # headers are copied as text, which may be three times as long


def origin(record: Record) -> str:
    """Where a record is, as topic/partition/offset."""
    return f"{record.topic}/{record.partition}/{record.offset}"


def _headers(record: Record, reason: GiveUp) -> dict[str, str]:
    headers = {
        "reason": reason.reason,
        # Validation messages may quote what a citizen wrote; the value itself is in the record, which is kept anyway.
        "reason-text": str(reason)[:_LONGEST_HEADER],
        "origin": origin(record),
        "content-type": CONTENT_TYPE,
    }
    for key, value in islice(record.headers, _MOST_HEADERS):
        text = value[:_LONGEST_HEADER].decode(errors="replace") if value is not None else ""
        headers.setdefault(f"original-{key[:_LONGEST_HEADER]}", text)
    return headers


async def publish_all(broker: KafkaBroker, namespace: str, service: str, letters: Iterable[tuple[Record, GiveUp]]) -> None:
    """The same for many records: those of a flood go out together, so that it holds up nobody for an answer each."""
    for some in _portions(letters):
        sent = await asyncio.gather(*(publish(broker, namespace, service, *row) for row in some), return_exceptions=True)
        for failure in filter(None, sent):
            raise failure


def _portions(letters: Iterable[tuple[Record, GiveUp]]) -> Iterator[list[tuple[Record, GiveUp]]]:
    # The client library holds a letter a dozen times while it sends it.
    some: list[tuple[Record, GiveUp]] = []
    room = _TOGETHER
    for row in letters:
        size = len(row[0].value or b"") + len(row[0].key or b"") + _MOST_HEADERS * 100
        if some and size > room:
            yield some
            some, room = [], _TOGETHER
        some.append(row)
        room -= size
    if some:
        yield some


async def publish(broker: KafkaBroker, namespace: str, service: str, record: Record, reason: GiveUp) -> None:
    """Put `record` into the dead-letter topic of `service` and wait for the acknowledgement. Raises KafkaError."""
    topic, headers = kafka.topic_name(namespace, topics.dead(service)), _headers(record, reason)
    value, key = record.value or b"", record.key or b""
    try:
        await broker.publish(value, topic, key=key, headers=headers)
    except MessageSizeTooLargeError:
        # What came in compressed may unfold beyond every limit. It must not block its partition for ever: the letter
        # names the place, where the record itself is kept as long as its topic keeps records.
        await broker.publish(b"", topic, key=key[:1000], headers=headers | {"value-left-out": str(len(value))})
