"""What a person decides about a sender's details: erase them, because the sender asks or the time to keep them is over.

`pakn/__main__.py` calls `erase_sender` for `pakn erase`. What the sender wrote in title, content and files stays: it is
the matter itself, and agencies have it.
"""

from aiokafka import AIOKafkaProducer

from pakn.engine import mongo
from pakn.engine.kafka import admin_security, topic_name
from pakn.settings import Settings
from schemas import topics
from services.intake.store import IntakeStore


async def erase_sender(settings: Settings, code: str) -> bool:
    """Erase name, address, phone and email at intake, and by a tombstone in the topic of contacts at notify.

    False when no feedback has this code. May be repeated; after a failure between the two steps it must be. Raises
    PyMongoError, KafkaError.
    """
    client = mongo.make_client(settings.mongo)
    try:
        feedback_id = await IntakeStore(mongo.database(client, settings.namespace, "intake")).erase_sender(code)
    finally:
        await mongo.close(client)
    if feedback_id is None:
        return False
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka.bootstrap, acks="all", **admin_security(settings.kafka))
    try:
        await producer.start()
        # The default partitioner, as in intake itself: the tombstone must come behind the record that it erases.
        await producer.send_and_wait(topic_name(settings.namespace, topics.CONTACTS), None, key=feedback_id.encode())
    finally:
        await producer.stop()
    return True
