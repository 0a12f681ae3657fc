"""What an operator runs on a deployment."""

import asyncio

import typer
from aiokafka.errors import KafkaError

from pakn.engine.command_line import settings_or_stop, stop
from pakn.operations import topics
from pakn.packs.load import PackError


def provision() -> None:
    """Create the topics that the pack's agencies and portals need; what exists is left as it is."""
    settings = settings_or_stop()
    try:
        created = asyncio.run(topics.provision(settings))
    except PackError as error:
        stop(str(error))
    except (KafkaError, OSError) as error:
        stop(f"The topics could not be made on the Kafka at {settings.kafka.bootstrap} (PAKN_KAFKA__BOOTSTRAP): {error}")
    typer.echo(f"{len(created)} topics created in namespace {settings.namespace!r}")
