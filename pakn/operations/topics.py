"""Creates the topics of a deployment."""

import stamina
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from pakn.engine.kafka import client_options, topic_name
from pakn.legal_time import make_legal_time
from pakn.packs.load import load_pack
from pakn.settings import Settings
from schemas import topics

_KAFKA_WAIT_SECONDS = 60.0


async def provision(settings: Settings) -> list[str]:
    """Create the topics that the pack's agencies and portals lack, and return their names in Kafka.

    Waits up to a minute for Kafka. Raises PackError; KafkaError where Kafka refuses a topic or does not answer.
    """
    pack = load_pack(settings.pack)
    today = make_legal_time(settings.legal_time.file).now().date()
    specs = topics.all_topics([agency.id for agency in pack.agencies_not_ended(today)], [p.id for p in pack.header.portals])
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
        return [topic.name for topic in new]
    finally:
        await admin.close()


def _new_topic(settings: Settings, spec: topics.TopicSpec) -> NewTopic:
    copies = settings.kafka.replication_factor
    return NewTopic(
        topic_name(settings.namespace, spec.name),
        num_partitions=settings.kafka.partitions if spec.spread else 1,
        replication_factor=copies,
        # With three replicas two must have a record before it counts as acknowledged.
        topic_configs=spec.config(settings.kafka.erased_seconds * 1000) | {"min.insync.replicas": str(max(1, copies - 1))},
    )
