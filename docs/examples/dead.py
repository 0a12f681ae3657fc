"""Lists the dead letters of a service and posts again those that are named: python dead.py SERVICE [ORIGIN ...]."""

import asyncio
import os
import sys

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaConnectionError

KAFKA = os.environ.get("KAFKA", "localhost:9092")
NAMESPACE = os.environ.get("NAMESPACE", "pakn")


async def dead(service: str, wanted: set[str]) -> None:
    """Read the dead letters from the first to the last; post the wanted ones to the topic that they came from, in their order."""
    topic, seen, posted = TopicPartition(f"{NAMESPACE}.dead.{service}", 0), 0, 0
    consumer = AIOKafkaConsumer(bootstrap_servers=KAFKA, auto_offset_reset="earliest")
    async with consumer, AIOKafkaProducer(bootstrap_servers=KAFKA, acks="all") as producer:
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
    print(f"dead letters of {service}: {seen}, posted again: {posted}")


if len(sys.argv) < 2:
    sys.exit(__doc__)
try:
    asyncio.run(dead(sys.argv[1], set(sys.argv[2:])))
except KafkaConnectionError as error:
    sys.exit(f"Kafka at {KAFKA} does not answer (set KAFKA): {error}")
