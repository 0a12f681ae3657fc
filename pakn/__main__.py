"""The command `pakn`: run one service or all, make topics, sign tokens, write the contracts, play the demo.

Each command reads the settings first and stops with every fault of settings or pack on its own line.
"""

import asyncio
import json
import uuid
from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Annotated, Literal

import typer
from aiokafka.errors import KafkaError
from pymongo.errors import PyMongoError

from pakn import legal_time, logs
from pakn.contracts import files
from pakn.engine.command_line import settings_or_stop, stop, stop_without_database
from pakn.engine.process import Service
from pakn.local.child_process import CannotStart
from pakn.packs.load import PackError, load_pack
from pakn.settings import ServiceName, Settings
from schemas import topics
from services.deadlines import commands

cli = typer.Typer(no_args_is_help=True, add_completion=False, help="PAKN: citizens' feedback with the law's clocks.")


def _builder(service: ServiceName) -> Callable[[Settings], Service]:
    # Imported by name, so that a process loads only the service that it runs.
    builder: Callable[[Settings], Service] = import_module(f"services.{service}.app").build_app
    return builder


@cli.command()
def run(service: Annotated[ServiceName, typer.Argument(help="intake, routing, deadlines or notify")]) -> None:
    """Run one service in this process until a signal."""
    settings = settings_or_stop()
    logs.configure(service, settings.log.level)
    try:
        built = _builder(service)(settings)
    except (PackError, ValueError) as error:
        stop(str(error))
    raise typer.Exit(built.run())


@cli.command()
def provision() -> None:
    """Create the topics that the pack's agencies and portals need; what exists is left as it is."""
    settings = settings_or_stop()
    try:
        created = asyncio.run(provision_topics(settings))
    except PackError as error:
        stop(str(error))
    except (KafkaError, OSError) as error:
        stop(f"The topics could not be made on the Kafka at {settings.kafka.bootstrap} (PAKN_KAFKA__BOOTSTRAP): {error}")
    typer.echo(f"{len(created)} topics created in namespace {settings.namespace!r}")


async def provision_topics(settings: Settings) -> list[str]:
    """Create what is missing and return the names; waits up to a minute for Kafka."""
    from pakn.engine import kafka

    pack = load_pack(settings.pack)
    today = legal_time.make_legal_time(settings.clock.file).now().date()
    specs = topics.all_topics([a.id for a in pack.agencies_not_ended(today)], [p.id for p in pack.header.portals])
    return await kafka.provision(settings, specs)


@cli.command()
def up(folder: Annotated[Path, typer.Option(help="where servers started here keep their data")] = Path(".pakn")) -> None:
    """Run the four services in the foreground, with Kafka and MongoDB where no address is set. Ctrl-C ends all."""
    from pakn.local import stack

    settings = settings_or_stop()
    try:
        # Its faults are told before servers are started for it.
        load_pack(settings.pack)
        asyncio.run(stack.run_until_signal(folder, settings, provision_topics))
    except (CannotStart, PackError) as error:
        stop(str(error))


cli.command()(commands.due)
cli.command()(commands.replay_clocks)
cli.add_typer(commands.calendar, name="calendar")


@cli.command()
def token(agency: str, days: Annotated[int, typer.Option(min=1, max=3650)] = 90) -> None:
    """Sign a token by which an agency may read the senders of its own cases."""
    from services.intake.doors.http import sign_agency_token

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
    expires_at = legal_time.machine_now() + timedelta(days=days)
    typer.echo(sign_agency_token(secret_key, agency, str(uuid.uuid4()), expires_at))


@cli.command()
def erase(code: str) -> None:
    """Erase name, address, phone and email of a feedback's sender for good; the matter itself stays."""
    from services.intake import commands

    try:
        erased = asyncio.run(commands.erase_sender(settings_or_stop(), code))
    except PyMongoError as error:
        stop_without_database(error)
    except KafkaError as error:
        stop(f"Intake has erased them, but Kafka at PAKN_KAFKA__BOOTSTRAP does not answer: do it again. {error}")
    if not erased:
        stop(f"No feedback has the code {code!r}.")
    typer.echo(f"The sender's details of {code} are erased.")


letters = typer.Typer(no_args_is_help=True, help="Letters that need a person: list them, settle one after a look into the mailbox.")
cli.add_typer(letters, name="letters")
cli.add_typer(files.cli, name="schemas")


@letters.command("list")
def list_letters(
    state: Annotated[Literal["uncertain", "failed"], typer.Option()] = "uncertain",
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object a line")] = False,
) -> None:
    """List letters of which nobody knows whether they arrived, with the Message-ID to look for."""
    from services.notify import commands

    try:
        rows = asyncio.run(commands.list_letters(settings_or_stop(), state))
    except PyMongoError as error:
        stop_without_database(error)
    for row in rows:
        values = row._asdict() | {"since": row.since.isoformat()}
        typer.echo(json.dumps(values) if as_json else "  ".join(values.values()))
    if not rows and not as_json:
        typer.echo(f"No letter is {state}.")


@letters.command("settle")
def settle_letter(letter_id: str, verdict: Annotated[Literal["sent", "resend"], typer.Argument()]) -> None:
    """Decide on one letter: it counts as sent, or it is sent again with the same Message-ID."""
    from services.notify import commands

    try:
        settled = asyncio.run(commands.settle_letter(settings_or_stop(), letter_id, verdict))
    except PyMongoError as error:
        stop_without_database(error)
    if not settled:
        stop(f"No uncertain or failed letter has the id {letter_id!r}.")


@cli.command()
def demo(
    pack: Annotated[
        list[str] | None, typer.Option(help="a pack; may be given several times; all that bring a sample by default")
    ] = None,
    requests: Annotated[Path | None, typer.Option(help="a file of requests; the pack's own sample by default")] = None,
    limit: Annotated[int, typer.Option(min=1, help="how many requests of the file")] = 2000,
    report: Annotated[Path | None, typer.Option(help="write the report there as JSON")] = None,
    days: Annotated[int, typer.Option(min=1, max=400, help="legal days to play after the last request")] = 42,
    keep: Annotated[bool, typer.Option("--keep", help="leave everything running until Ctrl-C")] = False,
    folder: Annotated[Path, typer.Option(help="where servers, logs and letters of the demo are kept")] = Path(".pakn/demo"),
) -> None:
    """Play weeks of real requests through the four services and count what came of them."""
    from pakn.demo import play

    try:
        code = asyncio.run(
            play.play(
                packs=pack or [],
                requests=requests,
                limit=limit,
                report=report,
                days=days,
                keep=keep,
                folder=folder.absolute(),
                provision=provision_topics,
            )
        )
    except (CannotStart, PackError, ValueError, TimeoutError) as error:
        stop(str(error))
    raise typer.Exit(code)


def main() -> None:
    """The entry point of the command."""
    cli()


if __name__ == "__main__":
    main()
