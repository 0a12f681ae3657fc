"""Reads topics from their first record to their end, outside any consumer group: for audits, replays and operators."""

from collections.abc import AsyncGenerator, Callable, Mapping

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from pakn.engine import kafka
from pakn.engine.kafka import Record
from pakn.settings import Settings
from schemas.topics import READS, TopicName

_POLL_MS = 500
_POLLS_WITHOUT_RECORDS = 60
_FETCH_BYTES = 8 * 1024 * 1024


async def partitions_of(
    admin: AIOKafkaAdminClient, namespace: str, wanted: Callable[[TopicName], bool] = lambda _: True
) -> list[TopicPartition]:
    """Every partition of the topics of `namespace` that are `wanted`. Raises KafkaError."""
    names = [TopicName.parse(topic) for topic in await admin.list_topics()]
    topics = [kafka.topic_name(namespace, name.topic) for name in names if name.namespace == namespace and wanted(name)]
    described = await admin.describe_topics(topics) if topics else []
    return [TopicPartition(row["topic"], part["partition"]) for row in described for part in row["partitions"]]


async def read_to_end(settings: Settings, wanted: Callable[[TopicName], bool]) -> AsyncGenerator[Record, None]:
    """Every record that the `wanted` topics of the namespace hold now; each partition in its order.

    Raises ValueError where there is no such topic, TimeoutError where no record comes for half a minute, KafkaError.
    """
    async with kafka.administering(settings.kafka) as admin:
        partitions = await partitions_of(admin, settings.namespace, wanted)
    if not partitions:
        raise ValueError(f"no such topic in namespace {settings.namespace!r}; is PAKN_NAMESPACE right?")
    async with kafka.make_consumer(settings.kafka, max_partition_fetch_bytes=_FETCH_BYTES) as consumer:
        # Assigned first: the library looks up partitions that are not assigned one by one.
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        polls = 0
        while any([await consumer.position(partition) < end for partition, end in ends.items()]):
            batches = await consumer.getmany(timeout_ms=_POLL_MS, max_records=5000)
            polls = 0 if batches else polls + 1
            if polls > _POLLS_WITHOUT_RECORDS:
                raise TimeoutError(f"no record came for {_POLLS_WITHOUT_RECORDS * _POLL_MS // 1000} s; look at Kafka's log")
            for records in batches.values():
                for record in records:
                    yield record


async def all_handled(admin: AIOKafkaAdminClient, namespace: str, ends: Mapping[TopicPartition, int]) -> bool:
    """Whether every service has committed all that the topics it reads hold up to `ends`. Raises KafkaError."""
    for service, families in READS.items():
        committed = await admin.list_consumer_group_offsets(kafka.group_name(namespace, service))
        for partition, end in ends.items():
            read = TopicName.parse(partition.topic).family in families
            if end and read and (partition not in committed or committed[partition].offset < end):
                return False
    return True
