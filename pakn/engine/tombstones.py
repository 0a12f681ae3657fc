"""Tombstones: records without a value, which erase their key from a compacted topic."""

from faststream.kafka import KafkaBroker

from pakn.engine.kafka import topic_name


async def publish(broker: KafkaBroker, namespace: str, topic: str, key: str) -> None:
    """Publish a tombstone, behind all that this producer has sent for the key, and wait until Kafka has it. Raises KafkaError."""
    await broker.publish(None, topic_name(namespace, topic), key=key.encode())
