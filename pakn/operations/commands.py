"""What an operator runs on a deployment."""

import asyncio
import logging

import stamina.instrumentation
import typer
from aiokafka.errors import KafkaError

from pakn.engine.command_line import settings_or_stop, stop
from pakn.operations import topics
from pakn.packs.load import PackError


def provision() -> None:
    """Create the topics that the pack's agencies and portals need, and the logins of the services; what exists is left as it is."""
    settings = settings_or_stop()
    # Each attempt would be two lines of the libraries'.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    stamina.instrumentation.set_on_retry_hooks(())
    typer.echo(f"Asking the Kafka at {settings.kafka.bootstrap} (PAKN_KAFKA__BOOTSTRAP), for a minute at most ...", err=True)
    try:
        created = asyncio.run(topics.provision(settings))
    except PackError as error:
        stop(str(error))
    except (KafkaError, OSError) as error:
        stop(f"The topics could not be made on the Kafka at {settings.kafka.bootstrap} (PAKN_KAFKA__BOOTSTRAP): {error}")
    typer.echo(f"{len(created)} topics created in namespace {settings.namespace!r}")
