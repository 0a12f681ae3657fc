"""An agency accepts each case that is assigned to it, until Ctrl-C: python agency.py AGENCY. It keeps ids in agency.db."""

import asyncio
import json
import os
import sqlite3
import sys
import uuid
from datetime import UTC, datetime

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError

KAFKA = os.environ.get("KAFKA", "localhost:9092")
NAMESPACE = os.environ.get("NAMESPACE", "pakn")


async def accept(producer: AIOKafkaProducer, agency: str, fact_id: str, feedback_id: str) -> None:
    """Post an action. Its id follows from the fact's id: an action that is posted twice is one action."""
    action = {"action": "accept", "feedback_id": feedback_id, "actor": "an"}
    headers = {
        "content-type": "application/json",
        "ce_specversion": "1.0",
        "ce_id": str(uuid.uuid5(uuid.UUID(fact_id), "accept")),
        "ce_type": "pakn.AgencyAction.v1",
        "ce_source": f"/{agency}",
        "ce_time": datetime.now(UTC).isoformat(),
    }
    topic = f"{NAMESPACE}.actions.{agency}"
    encoded = [(name, text.encode()) for name, text in headers.items()]
    await producer.send_and_wait(topic, json.dumps(action).encode(), headers=encoded)


async def work(agency: str, database: sqlite3.Connection) -> None:
    """Act on each new fact, keep its id, then commit its offset: in this order nothing is lost."""
    topic = f"{NAMESPACE}.assignments.{agency}"
    consumer = AIOKafkaConsumer(
        bootstrap_servers=KAFKA,
        group_id=f"{agency}.files",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        isolation_level="read_committed",
    )
    producer = AIOKafkaProducer(bootstrap_servers=KAFKA, acks="all", enable_idempotence=True)
    try:
        await asyncio.gather(consumer.start(), producer.start())
        if topic not in await consumer.topics():
            sys.exit(f"There is no topic {topic}: name an agency of the pack (packs/vn/agencies.csv).")
        consumer.subscribe([topic])
        async for record in consumer:
            ce, fact = {name: text.decode() for name, text in record.headers}, json.loads(record.value)
            if not database.execute("SELECT 1 FROM handled WHERE id = ?", (ce["ce_id"],)).fetchone():
                said = [fact[name] for name in ("code", "title", "rule", "due_date", "faults") if name in fact]
                limits = [(clock["rule"], clock["due_date"]) for clock in fact.get("set", [])]
                print(ce["ce_type"], *said, *limits)
                if ce["ce_type"] == "pakn.FeedbackAssigned.v1":
                    await accept(producer, agency, ce["ce_id"], fact["feedback_id"])
                with database:
                    database.execute("INSERT INTO handled VALUES (?)", (ce["ce_id"],))
            await consumer.commit()
    finally:
        await asyncio.gather(consumer.stop(), producer.stop())


if len(sys.argv) != 2:
    sys.exit(__doc__)
kept = sqlite3.connect("agency.db")
kept.execute("CREATE TABLE IF NOT EXISTS handled (id TEXT PRIMARY KEY)")
try:
    asyncio.run(work(sys.argv[1], kept))
except KeyboardInterrupt:
    count = kept.execute("SELECT count(*) FROM handled").fetchone()[0]
    print(f"Stopped; facts handled, with their ids in agency.db: {count}")
except KafkaConnectionError as error:
    sys.exit(f"Kafka at {KAFKA} does not answer (set KAFKA): {error}")
