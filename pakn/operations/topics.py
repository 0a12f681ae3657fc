"""Creates the topics of a deployment, and the logins of its own programs."""

import asyncio

import stamina
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from pakn.engine.kafka import topic_name
from pakn.engine.kafka_login import client_options
from pakn.operations import access
from pakn.operations.access import parties_of
from pakn.settings import Settings
from schemas import topics

_KAFKA_WAIT_SECONDS = 60.0


async def provision(settings: Settings) -> list[str]:
    """Create the topics that the pack's agencies and portals lack, and return their names in Kafka.

    Where `settings.access` holds passwords, those programs may log in by them from then on, and everybody who may log in has
    the rights of `rights`. Waits up to a minute for Kafka. Raises PackError; KafkaError where Kafka refuses a topic or does
    not answer; AccessFailed where it refuses logins.
    """
    parties = parties_of(settings)
    specs = parties.specs
    admin = AIOKafkaAdminClient(**client_options(settings.kafka))
    async for attempt in stamina.retry_context(on=(KafkaError, OSError), attempts=None, timeout=_KAFKA_WAIT_SECONDS, wait_max=3.0):
        with attempt:
            await admin.start()
    try:
        existing = set(await admin.list_topics())
        new = [_new_topic(settings, spec) for spec in specs if topic_name(settings.namespace, spec.name) not in existing]
        response = await admin.create_topics(new, timeout_ms=60_000) if new else None
        for name, code, message in (row[:3] for row in response.topic_errors) if response else ():
            error = for_code(code)
            # Another instance may have created it in the meantime, which is as good.
            if code and error is not TopicAlreadyExistsError:
                raise error(f"topic {name} could not be created: {message}")
    finally:
        await admin.close()
    if access.passwords(settings):
        await asyncio.to_thread(access.apply, settings, parties)
    return [topic.name for topic in new]


def _new_topic(settings: Settings, spec: topics.TopicSpec) -> NewTopic:
    copies = settings.kafka.replication_factor
    return NewTopic(
        topic_name(settings.namespace, spec.name),
        num_partitions=settings.kafka.partitions if spec.spread else 1,
        replication_factor=copies,
        # With three replicas two must have a record before it counts as acknowledged.
        topic_configs=spec.config(settings.kafka.erased_seconds * 1000) | {"min.insync.replicas": str(max(1, copies - 1))},
    )
