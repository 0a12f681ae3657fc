"""A portal reads the answers to its submissions until Ctrl-C: python answers.py PORTAL. It keeps them in answers.db."""

import asyncio
import json
import os
import sqlite3
import ssl
import sys

from aiokafka import AIOKafkaConsumer
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


def line(type: str, answer: dict) -> str | None:
    """What an answer says; None for a type that this program does not know."""
    faults = "; ".join(f"{fault['field']}: {fault['message']}" for fault in answer.get("faults", []))
    match type:
        case "pakn.SubmissionRegistered.v1":
            return f"{answer['submission_id']} {answer['code']} is registered"
        case "pakn.SubmissionProgressed.v1":
            words = answer.get("question") or answer.get("reply") or answer.get("reason") or ""
            return f"{answer['submission_id']} {answer['code']} {answer['step']} {words}".rstrip()
        case "pakn.SubmissionRefused.v1":
            return f"{answer['submission_id']} is refused: {faults}"
        case "pakn.SenderActRefused.v1":
            return f"{answer['act_id']} is refused: {faults}"
    return None


async def answers(user: str, portal: str, database: sqlite3.Connection) -> None:
    """Keep each answer once, then commit its offset: after a crash the answer comes again and changes nothing."""
    topic = f"{NAMESPACE}.outbox.{portal}"
    consumer = AIOKafkaConsumer(
        **login(user),
        group_id=f"{user}.answers",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        isolation_level="read_committed",
    )
    try:
        await consumer.start()
        consumer.subscribe([topic])
        async for record in consumer:
            ce = {name: text.decode() for name, text in record.headers}
            said = line(ce["ce_type"], json.loads(record.value))
            if said is None:  # New types may come.
                print(f"{ce['ce_id']} is passed over: {ce['ce_type']} is not known here")
            else:
                row = (ce["ce_id"], ce["ce_type"], record.value.decode())
                with database:
                    new = database.execute("INSERT OR IGNORE INTO answers VALUES (?, ?, ?)", row).rowcount
                if new:
                    print(said)
            await consumer.commit()
    finally:
        await consumer.stop()


if len(sys.argv) != 2:
    sys.exit(__doc__)
user = f"{NAMESPACE}.portal.{sys.argv[1]}"
if not PASSWORD:
    sys.exit(f"Set KAFKA_PASSWORD to the password of {user} (pakn access issue {user}).")
kept = sqlite3.connect("answers.db")
kept.execute("CREATE TABLE IF NOT EXISTS answers (id TEXT PRIMARY KEY, type TEXT, answer TEXT)")
try:
    asyncio.run(answers(user, sys.argv[1], kept))
except KeyboardInterrupt:
    count = kept.execute("SELECT count(*) FROM answers").fetchone()[0]
    print(f"Stopped; answers kept in answers.db: {count}")
except KafkaConnectionError:
    what = "set KAFKA and KAFKA_PASSWORD, name a portal of packs/vn/pack.yaml"
    sys.exit(f"Kafka at {KAFKA} refuses {user} or does not answer: {what}.")
