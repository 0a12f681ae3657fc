"""The commands about senders: who may read their details, and erasing them."""

import uuid
from datetime import timedelta
from typing import Annotated

import typer
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from pakn import links
from pakn.engine import mongo
from pakn.engine.command_line import run_on_database, settings_or_stop, stop
from pakn.engine.kafka import client_options, topic_name
from pakn.legal_time import machine_now
from pakn.packs.load import PackError, load_pack
from pakn.settings import Settings
from schemas import topics
from services.intake.doors.tokens import sign_agency_token
from services.intake.store import IntakeStore


def token(agency: str, days: Annotated[int, typer.Option(min=1, max=3650)] = 90) -> None:
    """Sign a token by which an agency may read the senders of its own cases."""
    settings = settings_or_stop()
    secret_key = settings.intake.secret_key.get_secret_value()
    if len(secret_key) < 32:
        stop("PAKN_INTAKE__SECRET_KEY must be the one that intake runs with; `pakn up` keeps its own in .pakn/secret.key")
    try:
        pack = load_pack(settings.pack)
    except PackError as error:
        stop(str(error))
    if agency not in {row.id for row in pack.agencies}:
        stop(f"Pack {pack.id} has no agency {agency!r}.")
    expires_at = machine_now() + timedelta(days=days)
    typer.echo(sign_agency_token(secret_key, agency, str(uuid.uuid4()), expires_at))


def erase(code: str) -> None:
    """Erase name, address, phone and email of a feedback's sender for good; the matter itself stays."""
    try:
        erased = run_on_database(erase_sender(settings_or_stop(), links.read_code(code)))
    except KafkaError as error:
        stop(f"Intake has erased them, but Kafka at PAKN_KAFKA__BOOTSTRAP does not answer: do it again. {error}")
    if not erased:
        stop(f"No feedback has the code {code!r}.")
    typer.echo(f"The sender's details of {code} are erased.")


async def erase_sender(settings: Settings, code: str) -> bool:
    """Erase name, address, phone and email at intake, and by a tombstone in the topic of contacts at notify.

    False when no feedback has this code. May be repeated; after a failure between the two steps it must be. Raises
    PyMongoError, KafkaError.
    """
    async with mongo.opened(settings, "intake") as database:
        feedback_id = await IntakeStore(database).erase_sender(code)
    if feedback_id is None:
        return False
    producer = AIOKafkaProducer(acks="all", **client_options(settings.kafka))
    try:
        await producer.start()
        # The default partitioner, as in intake itself: the tombstone must come behind the record that it erases.
        await producer.send_and_wait(topic_name(settings.namespace, topics.CONTACTS), None, key=feedback_id.encode())
    finally:
        await producer.stop()
    return True
