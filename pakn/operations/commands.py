"""What an operator runs on a deployment."""

import asyncio
import logging
from typing import Annotated

import stamina.instrumentation
import typer
from aiokafka.errors import KafkaError

from pakn.engine.command_line import run_on_database, settings_or_stop, stop
from pakn.operations import access, mongo_access, topics
from pakn.operations.doctor import findings
from pakn.operations.kafka_access import AccessFailed
from pakn.packs.load import PackError
from schemas.topics import SERVICES


def doctor(
    service: Annotated[str, typer.Argument(help="only what this service uses; everything by default")] = "",
) -> None:
    """Say which settings are weak or only for trying out. Ends with status 1 when there is something to do."""
    settings = settings_or_stop()
    if service not in ("", *SERVICES):
        stop(f"There is no service {service!r}; name one of {', '.join(SERVICES)}.")
    accepted = settings.doctor.accepted
    found = findings(settings, service or None)  # type: ignore[arg-type]
    for finding in found:
        if finding.name not in accepted:
            typer.echo(str(finding))
    if known := sorted({finding.name for finding in found} & set(accepted)):
        typer.echo(f"Accepted (PAKN_DOCTOR__ACCEPTED): {', '.join(known)}.", err=True)
    if idle := sorted(set(accepted) - {finding.name for finding in found}):
        typer.echo(f"Accepted, but not found: {', '.join(idle)}.", err=True)
    if any(finding.name not in accepted for finding in found):
        raise typer.Exit(1)


def provision() -> None:
    """Create the topics that the pack's agencies and portals need; what exists is left as it is.

    With PAKN_ACCESS__... also the logins of your own programs in Kafka and MongoDB, by these passwords from now on.
    """
    settings = settings_or_stop()
    # Each attempt would be two lines of the libraries'.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    stamina.instrumentation.set_on_retry_hooks(())
    typer.echo(f"Asking the Kafka at {settings.kafka.bootstrap} (PAKN_KAFKA__BOOTSTRAP), for a minute at most ...", err=True)
    try:
        created = asyncio.run(topics.provision(settings))
    except PackError as error:
        stop(str(error))
    except (KafkaError, AccessFailed, OSError) as error:
        stop(f"The topics could not be made on the Kafka at {settings.kafka.bootstrap} (PAKN_KAFKA__BOOTSTRAP): {error}")
    typer.echo(f"{len(created)} topics created in namespace {settings.namespace!r}")
    if given := access.passwords(settings):
        try:
            made = run_on_database(mongo_access.give_users(settings, given))
        except mongo_access.MayMakeNoUsers as error:
            typer.echo(str(error), err=True)
        else:
            typer.echo(f"{made} users made in MongoDB; those that it had may log in by the passwords of the settings from now on")
