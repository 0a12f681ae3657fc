"""A portal posts one submission: python post.py PORTAL OWN_ID FILE.json. Posting it again with the same OWN_ID is harmless."""

import asyncio
import os
import ssl
import sys
from datetime import UTC, datetime
from pathlib import Path

from aiokafka import AIOKafkaProducer
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


async def post(user: str, portal: str, own_id: str, submission: bytes) -> None:
    """Send the submission and return when Kafka has it on disk."""
    headers = {
        "content-type": "application/json",
        "ce_specversion": "1.0",
        "ce_id": own_id,
        "ce_type": "pakn.PortalSubmission.v1",
        "ce_source": f"/{portal}",
        "ce_time": datetime.now(UTC).isoformat(),
    }
    topic = f"{NAMESPACE}.inbox.{portal}"
    producer = AIOKafkaProducer(**login(user), acks="all", enable_idempotence=True)
    try:
        await producer.start()
        kept = await producer.send_and_wait(topic, submission, headers=[(name, text.encode()) for name, text in headers.items()])
        print(f"{own_id} is in {kept.topic}, partition {kept.partition}, offset {kept.offset}")
    finally:
        await producer.stop()


if len(sys.argv) != 4 or not Path(sys.argv[3]).is_file():
    sys.exit(__doc__)
user = f"{NAMESPACE}.portal.{sys.argv[1]}"
if not PASSWORD:
    sys.exit(f"Set KAFKA_PASSWORD to the password of {user} (pakn access issue {user}).")
try:
    asyncio.run(post(user, sys.argv[1], sys.argv[2], Path(sys.argv[3]).read_bytes()))
except KafkaConnectionError:
    what = "set KAFKA and KAFKA_PASSWORD, name a portal of packs/vn/pack.yaml"
    sys.exit(f"Kafka at {KAFKA} refuses {user} or does not answer: {what}.")
