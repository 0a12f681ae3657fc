"""Lists the dead letters of a service and posts again those that are named: python dead.py SERVICE [ORIGIN ...]."""

import asyncio
import os
import ssl
import sys

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaConnectionError

KAFKA = os.environ.get("KAFKA", "localhost:9092")
NAMESPACE = os.environ.get("NAMESPACE", "pakn")
USER = f"{NAMESPACE}.operator"
PASSWORD, CA = os.environ.get("KAFKA_PASSWORD"), os.environ.get("KAFKA_CA")


def login() -> dict:
    """How a client of aiokafka connects: by a password, and over TLS where KAFKA_CA names the file of Kafka's CA."""
    return {
        "bootstrap_servers": KAFKA,
        "security_protocol": "SASL_SSL" if CA else "SASL_PLAINTEXT",
        "ssl_context": ssl.create_default_context(cafile=CA) if CA else None,
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": USER,
        "sasl_plain_password": PASSWORD,
    }


async def dead(service: str, wanted: set[str]) -> None:
    """Read the dead letters from the first to the last; post the wanted ones to the topic that they came from, in their order."""
    topic, seen, posted = TopicPartition(f"{NAMESPACE}.dead.{service}", 0), 0, 0
    consumer = AIOKafkaConsumer(**login(), auto_offset_reset="earliest")
    producer = AIOKafkaProducer(**login(), acks="all")
    try:
        await asyncio.gather(consumer.start(), producer.start())
        if topic.topic not in await consumer.topics():
            sys.exit(f"There is no topic {topic.topic}: name intake, routing, deadlines or notify.")
        consumer.assign([topic])
        end = (await consumer.end_offsets([topic]))[topic]
        while await consumer.position(topic) < end:
            record = await consumer.getone()
            why, seen = {name: text.decode() for name, text in record.headers}, seen + 1
            print(why["origin"], why["reason"], why["reason-text"])
            if why["origin"] in wanted:
                headers = [(name.removeprefix("original-"), text) for name, text in record.headers if name.startswith("original-")]
                home = why["origin"].rsplit("/", 2)[0]
                await producer.send_and_wait(home, record.value, key=record.key or None, headers=headers)
                posted += 1
    finally:
        await asyncio.gather(consumer.stop(), producer.stop())
    print(f"dead letters of {service}: {seen}, posted again: {posted}")


if len(sys.argv) < 2:
    sys.exit(__doc__)
if not PASSWORD:
    sys.exit(f"Set KAFKA_PASSWORD to the password of {USER} (pakn access issue {USER}).")
try:
    asyncio.run(dead(sys.argv[1], set(sys.argv[2:])))
except KafkaConnectionError:
    sys.exit(f"Kafka at {KAFKA} refuses {USER} or does not answer: set KAFKA and KAFKA_PASSWORD.")
