"""Kafka through FastStream: the broker, safe subscribers, and the one way in which facts are published.

FastStream's defaults are at-most-once (auto commit, `latest`, acks=1). This file overrides them, and a wiring test checks
every subscriber.
"""

import asyncio
import contextlib
import copy
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence, Set
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, TypeAlias

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import IllegalStateError
from aiokafka.structs import OffsetAndMetadata
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage

from pakn import metrics
from pakn.engine import kafka_login, tolerant_records, turns_of_partitions
from pakn.errors import describe
from pakn.logins import KafkaSettings
from pakn.settings import Settings
from schemas import Fact
from schemas.topics import ServiceName

# What the largest topic takes: a dead letter, which is a portal's submission with its inline files and a reason on top.
MAX_RECORD_BYTES = 9 * 1024 * 1024
_FETCH_MAX_WAIT_MS = 100
_FULL_BATCH_BYTES = 128 * 1024
_ANSWER_SECONDS = 5.0
# How long the members of a group may take to meet again; the library's default would be the session's.
_REBALANCE_MS = 10_000
_LONGEST_TURN_MS = 24 * 60 * 60 * 1000
Record: TypeAlias = "ConsumerRecord[bytes | None, bytes | None]"
OnBatch = Callable[[KafkaMessage], Awaitable[None]]
Fatal = Callable[[str, Exception], None]


def topic_name(namespace: str, topic: str) -> str:
    """The name in Kafka of a topic of this deployment; `TopicName.parse` takes it apart again."""
    return f"{namespace}.{topic}"


def group_name(namespace: str, service: ServiceName) -> str:
    """The consumer group of a service."""
    return f"{namespace}.{service}"


def make_broker(settings: Settings, service: ServiceName) -> KafkaBroker:
    """A broker that is not connected yet. Its producer is idempotent, so retries inside the client keep the order."""
    tolerant_records.install()
    turns_of_partitions.install()
    return KafkaBroker(
        settings.kafka.bootstrap.split(","),
        client_id=f"{settings.namespace}-{service}",
        acks="all",
        enable_idempotence=True,
        allow_auto_create_topics=False,
        max_request_size=MAX_RECORD_BYTES,
        request_timeout_ms=20_000,
        # Longer than the longest turn: a cancelled handler would leave a batch half done for the next owner.
        graceful_timeout=settings.retry_seconds + 5,
        security=kafka_login.security(settings.kafka),
        sasl_oauth_token_provider=kafka_login.token_provider(settings.kafka),
        # The library would send a header `correlation_id` with each record, another one at each repetition.
        id_generator=str,
        logger=None,
    )


async def _tolerant_parser(records: Sequence[Record], original: Callable[[Any], Awaitable[KafkaMessage]]) -> KafkaMessage:
    # FastStream decodes headers before any handler runs, and a null or non-UTF-8 header fails there: the batch would be
    # skipped by the next commit. It gets one record without headers; the turn reads the real ones itself.
    message = await original((replace(records[0], headers=()),))
    message.raw_message = tuple(records)
    return message


async def _no_decoding(_message: KafkaMessage) -> bytes:
    return b""


def subscribe(
    broker: KafkaBroker,
    settings: Settings,
    service: ServiceName,
    topics: Iterable[str],
    on_batch: OnBatch,
    listener: ConsumerRebalanceListener | None = None,
    gather_ms: int = 0,
) -> Any:
    """Read `topics` (without namespace) in batches as the group of `service`; offsets are committed by `on_batch` only.

    With `gather_ms` Kafka holds a small batch back for that long, so that the facts of one case come together and make
    one write instead of several; a large batch comes at once.
    """
    subscriber = broker.subscriber(
        *(topic_name(settings.namespace, topic) for topic in topics),
        group_id=group_name(settings.namespace, service),
        batch=True,
        max_records=settings.kafka.max_records,
        batch_timeout_ms=20,
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.MANUAL,
        # What a producer has taken back never happened.
        isolation_level="read_committed",
        fetch_min_bytes=_FULL_BATCH_BYTES if gather_ms else 1,
        # A partition whose records are being handled is asked for again only when the fetch under way returns.
        fetch_max_wait_ms=gather_ms or _FETCH_MAX_WAIT_MS,
        max_partition_fetch_bytes=MAX_RECORD_BYTES,
        # While a server is away a batch may wait for hours; a process that hangs is ended by its own watch.
        max_poll_interval_ms=_LONGEST_TURN_MS,
        session_timeout_ms=int(settings.kafka.session_seconds * 1000),
        heartbeat_interval_ms=int(settings.kafka.session_seconds * 300),
        rebalance_timeout_ms=_REBALANCE_MS,
        parser=_tolerant_parser,
        decoder=_no_decoding,
        no_reply=True,
        listener=listener,
    )

    subscriber(on_batch)
    return subscriber


def never_passed_over(on_batch: OnBatch, fatal: Fatal) -> OnBatch:
    """`on_batch`, whose failure ends the process through `fatal`.

    The library takes a handler that raises for one that is done, and the next commit would pass over its batch.
    """

    async def handled(message: KafkaMessage) -> None:
        try:
            await on_batch(message)
        except Exception as error:
            fatal(f"a batch of {len(message.raw_message)} could not be finished: {describe(error)}", error)
            await asyncio.Event().wait()

    return handled


def assign_paused(consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]) -> None:
    """Assign and pause these partitions, so that their ends cost one request.

    A consumer that reads answers only between two fetches, and topics that are not assigned are looked up one by one, a
    tenth of a second each.
    """
    known = consumer.assignment()
    if wanted := known.union(partitions) if not known.issuperset(partitions) else None:
        consumer.assign(list(wanted))
        consumer.pause(*wanted)


def partition_of(record: Record) -> TopicPartition:
    """Where a record is."""
    return TopicPartition(record.topic, record.partition)


def part_of(message: KafkaMessage, records: Sequence[Record]) -> KafkaMessage:
    """The same message with these records only: what is handled and committed is theirs."""
    part = copy.copy(message)
    part.raw_message = tuple(records)
    return part


def parted(records: Sequence[Record], first: Iterable[Record]) -> tuple[list[Record], list[Record]]:
    """The records before the `first` ones of their partitions, and those at or behind them."""
    starts: dict[TopicPartition, int] = {}
    for record in first:
        place = partition_of(record)
        starts[place] = min(record.offset, starts.get(place, record.offset))
    rows: tuple[list[Record], list[Record]] = ([], [])
    for record in records:
        rows[record.offset >= starts.get(partition_of(record), record.offset + 1)].append(record)
    return rows


async def put_back(message: KafkaMessage, waiting: Set[TopicPartition], why: str = "") -> list[Record]:
    """The records that are of no `waiting` partition. The others come again when their partition is resumed.

    What stands before them is committed where there is a `why`, which the commit then says. Raises KafkaError.
    """
    consumer: Any = message.consumer
    records: Sequence[Record] = message.raw_message
    first = {partition_of(record): record.offset for record in reversed(records) if partition_of(record) in waiting}
    for partition, offset in first.items():
        # Of a partition that was lost in the meantime, its owner reads on from what is committed.
        with contextlib.suppress(IllegalStateError):
            if await consumer.position(partition) > offset:
                consumer.seek(partition, offset)
            if why:
                await commit_offset(consumer, partition, offset, why)
    return [record for record in records if partition_of(record) not in waiting]


async def positions(consumer: Any, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
    """From where these are read, without those whose broker does not answer within seconds. Raises KafkaError."""
    asked = {partition: asyncio.create_task(consumer.position(partition)) for partition in partitions}
    _, late = await asyncio.wait(asked.values(), timeout=_ANSWER_SECONDS)
    for task in late:
        task.cancel()
    return {partition: task.result() for partition, task in asked.items() if task not in late}


async def commit(message: KafkaMessage) -> None:
    """Commit what this batch has read, and nothing else. Raises KafkaError, after a rebalance for example.

    The library's own `ack` commits every partition that is owned, read or not: dozens of offsets a batch where agencies
    have a topic each.
    """
    consumer: Any = message.consumer
    records: Sequence[Record] = message.raw_message
    # Records of one partition come in order, so the last one stands.
    await consumer.commit({TopicPartition(record.topic, record.partition): record.offset + 1 for record in records})


async def commit_offset(consumer: Any, partition: TopicPartition, offset: int, metadata: str = "") -> None:
    """Commit that a partition is read up to this offset. Raises KafkaError."""
    await consumer.commit({partition: OffsetAndMetadata(offset, metadata)})


async def publish(broker: KafkaBroker, namespace: str, facts: Sequence[Fact]) -> None:
    """Publish facts in order and wait until Kafka has acknowledged every one. Raises KafkaError when one was not."""
    waiting = [
        await broker.publish(
            fact.data.encode(),
            topic_name(namespace, topic),
            key=fact.subject.encode(),
            headers=fact.headers(),
            no_confirm=True,
        )
        for fact in facts
        for topic in fact.topics
    ]
    await asyncio.gather(*waiting)
    for fact in facts:
        metrics.events_published.labels(fact.name).inc()


class TopicsMissing(OSError):
    """Topics that a service reads do not exist; `pakn provision` makes them."""


async def check_topics(settings: Settings, topics: Iterable[str]) -> None:
    """Raises TopicsMissing that names the topics (without namespace) that Kafka does not have."""
    async with administering(settings.kafka) as admin:
        existing = set(await admin.list_topics())
    missing = [name for topic in topics if (name := topic_name(settings.namespace, topic)) not in existing]
    if missing:
        raise TopicsMissing(f"{len(missing)} topics are missing, for example {missing[0]}; run `pakn provision`")


@asynccontextmanager
async def administering(settings: KafkaSettings) -> AsyncGenerator[AIOKafkaAdminClient, None]:
    """A connected admin client until the block ends. Raises KafkaError."""
    admin = AIOKafkaAdminClient(**kafka_login.client_options(settings))
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


def make_consumer(settings: KafkaSettings, **options: Any) -> AIOKafkaConsumer:
    """A consumer outside any group, not connected yet: it reads what services read, from the first record on, and commits nothing.

    `options` are aiokafka's.
    """
    tolerant_records.install()
    turns_of_partitions.install()
    safe = {"auto_offset_reset": "earliest", "enable_auto_commit": False, "isolation_level": "read_committed"}
    return AIOKafkaConsumer(**kafka_login.client_options(settings) | safe | options)
