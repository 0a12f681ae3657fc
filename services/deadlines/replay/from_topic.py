"""Feeds a replay from the lifecycle topic, and compares it with the database. `pakn replay-clocks` calls these."""

from datetime import UTC, datetime

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from pydantic import ValidationError

import schemas
from pakn.engine import kafka, mongo
from pakn.settings import Settings
from schemas import EnvelopeError, parse_envelope, topics
from services.deadlines.clocks.clock import Clock
from services.deadlines.replay.replay import READ, Replay, ReplayedClock
from services.deadlines.store import DeadlinesStore, read_case

_POLL_MS = 500
_BATCH = 500


async def replay(settings: Settings, at: datetime) -> Replay:
    """The clocks at `at`, from every record that the lifecycle topic holds now. Raises KafkaError, TimeoutError."""
    result = Replay(at)
    options = {"bootstrap_servers": settings.kafka.bootstrap, **kafka.admin_security(settings.kafka)}
    consumer = AIOKafkaConsumer(auto_offset_reset="earliest", **options)
    admin = AIOKafkaAdminClient(**options)
    await consumer.start()
    await admin.start()
    try:
        name = kafka.topic_name(settings.namespace, topics.FEEDBACK)
        (described,) = await admin.describe_topics([name])
        partitions = [TopicPartition(name, row["partition"]) for row in described["partitions"]]
        if not partitions:
            raise ValueError(f"there is no topic {name}; is PAKN_NAMESPACE right?")
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        while any([await consumer.position(partition) < end for partition, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=_POLL_MS, max_records=5000)).values():
                for record in records:
                    try:
                        envelope = parse_envelope(record.headers)
                        if envelope.name in READ:
                            result.take(envelope, schemas.READERS[envelope.name].validate_json(record.value or b""))
                    except (EnvelopeError, ValidationError):
                        # Whoever else may write there, what cannot be read is no fact of a clock's.
                        result.unreadable += 1
    finally:
        await admin.close()
        await consumer.stop()
    return result


async def differences(settings: Settings, result: Replay) -> list[str]:
    """A line for each clock of which topic and database tell different things. Raises PyMongoError."""
    found: list[str] = []
    stored: set[str] = set()
    client = mongo.make_client(settings.mongo)
    try:
        store = DeadlinesStore(mongo.database(client, settings.namespace, "deadlines"))
        after = ""
        while documents := await store.cases_after(after, _BATCH):
            after = documents[-1]["_id"]
            for document in documents:
                case = read_case(document)
                # Of what is not counted yet the topic says nothing.
                for clock in (row for row in case.clocks if row.due_at is not None):
                    stored.add(clock.id)
                    told = result.clocks.get(clock.id)
                    in_topic = _standing(told) if told else "nothing"
                    in_store = _standing(clock)
                    if in_topic != in_store:
                        found.append(f"{case.code} {clock.rule} of {clock.agency}: topic {in_topic}, database {in_store}")
    finally:
        await mongo.close(client)
    missing = [f"{id}: in the topic only" for id in result.clocks if id not in stored]
    return found + missing


def _standing(clock: ReplayedClock | Clock) -> str:
    due_at = clock.due_at.astimezone(UTC) if clock.due_at else None
    return f"{clock.state}, due until {due_at}{', overdue' if clock.overdue else ''}"
