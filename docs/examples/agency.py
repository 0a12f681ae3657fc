"""An agency accepts each case that is assigned to it, until Ctrl-C: python agency.py AGENCY. It keeps ids in agency.db."""

import asyncio
import json
import os
import sqlite3
import ssl
import sys
import uuid
from datetime import UTC, datetime

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError

KAFKA = os.environ.get("KAFKA", "localhost:9092")
NAMESPACE = os.environ.get("NAMESPACE", "pakn")
PASSWORD, CA = os.environ.get("KAFKA_PASSWORD"), os.environ.get("KAFKA_CA")


def login(user: str) -> dict:
    """How a client of aiokafka connects: by a password, and over TLS where KAFKA_CA names the file of Kafka's CA."""
    return {
        "bootstrap_servers": KAFKA,
        "security_protocol": "SASL_SSL" if CA else "SASL_PLAINTEXT",
        "ssl_context": ssl.create_default_context(cafile=CA) if CA else None,
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": user,
        "sasl_plain_password": PASSWORD,
    }


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


async def work(user: str, agency: str, database: sqlite3.Connection) -> None:
    """Act on each new fact, keep its id, then commit its offset: in this order nothing is lost."""
    topic = f"{NAMESPACE}.assignments.{agency}"
    consumer = AIOKafkaConsumer(
        **login(user),
        group_id=f"{user}.files",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        isolation_level="read_committed",
    )
    producer = AIOKafkaProducer(**login(user), acks="all", enable_idempotence=True)
    try:
        await asyncio.gather(consumer.start(), producer.start())
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
user = f"{NAMESPACE}.agency.{sys.argv[1]}"
if not PASSWORD:
    sys.exit(f"Set KAFKA_PASSWORD to the password of {user} (pakn access issue {user}).")
kept = sqlite3.connect("agency.db")
kept.execute("CREATE TABLE IF NOT EXISTS handled (id TEXT PRIMARY KEY)")
try:
    asyncio.run(work(user, sys.argv[1], kept))
except KeyboardInterrupt:
    count = kept.execute("SELECT count(*) FROM handled").fetchone()[0]
    print(f"Stopped; facts handled, with their ids in agency.db: {count}")
except KafkaConnectionError:
    what = "set KAFKA and KAFKA_PASSWORD, name an agency of packs/vn/agencies.csv"
    sys.exit(f"Kafka at {KAFKA} refuses {user} or does not answer: {what}.")
