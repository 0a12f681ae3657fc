"""The command `pakn`: run one service or all, make topics, sign tokens, write the contracts, play the demo.

Each command reads the settings first and stops with every fault of settings or pack on its own line.
"""

import asyncio
import json
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import typer
from aiokafka.errors import KafkaError
from pymongo.errors import PyMongoError

from schemas import topics
from services import clock, contracts, logs
from services.child_process import CannotStart
from services.packs import PackError, load_pack
from services.service import Service
from services.settings import ServiceName, Settings, SettingsError, read_settings

cli = typer.Typer(no_args_is_help=True, add_completion=False, help="PAKN: citizens' feedback with the law's clocks.")


def _settings() -> Settings:
    try:
        return read_settings()
    except SettingsError as error:
        _stop(f"These settings cannot be used:\n{error}")


def _stop(text: str) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(2)


def _stop_without_database(error: PyMongoError) -> NoReturn:
    # The driver's text goes on with its timeouts and the state of every server, which help nobody here.
    _stop(f"The database at PAKN_MONGO__URI does not answer: {str(error).partition(' (configured')[0]}")


def _builder(service: ServiceName) -> Callable[[Settings], Service]:
    # Imported by name, so that a process loads only the service that it runs.
    builder: Callable[[Settings], Service] = import_module(f"services.{service}.app").build_app
    return builder


@cli.command()
def run(service: Annotated[ServiceName, typer.Argument(help="intake, routing, deadlines or notify")]) -> None:
    """Run one service in this process until a signal."""
    settings = _settings()
    logs.configure(service, settings.log.level)
    try:
        built = _builder(service)(settings)
    except (PackError, ValueError) as error:
        _stop(str(error))
    raise typer.Exit(built.run())


@cli.command()
def provision() -> None:
    """Create the topics that the pack's agencies and portals need; what exists is left as it is."""
    settings = _settings()
    try:
        created = asyncio.run(provision_topics(settings))
    except PackError as error:
        _stop(str(error))
    except (KafkaError, OSError) as error:
        _stop(f"The topics could not be made on the Kafka at {settings.kafka.bootstrap} (PAKN_KAFKA__BOOTSTRAP): {error}")
    typer.echo(f"{len(created)} topics created in namespace {settings.namespace!r}")


async def provision_topics(settings: Settings) -> list[str]:
    """Create what is missing and return the names; waits up to a minute for Kafka."""
    from services import broker

    pack = load_pack(settings.pack)
    today = clock.make_clock(settings.clock.file).now().date()
    specs = topics.all_topics([a.id for a in pack.agencies_not_ended(today)], [p.id for p in pack.header.portals])
    return await broker.provision(settings, specs)


@cli.command()
def up(folder: Annotated[Path, typer.Option(help="where servers started here keep their data")] = Path(".pakn")) -> None:
    """Run the four services in the foreground, with Kafka and MongoDB where no address is set. Ctrl-C ends all."""
    from services import stack

    settings = _settings()
    try:
        asyncio.run(stack.run_until_signal(folder, settings, provision_topics))
    except CannotStart as error:
        _stop(str(error))


@cli.command()
def due(
    rule: Annotated[str, typer.Option(help="refuse, request_more, transfer_out, handle_reply or publish")],
    pack: Annotated[str | None, typer.Option(help="a pack's name or folder; PAKN_PACK by default")] = None,
    start: Annotated[
        list[str] | None, typer.Option(help="when it starts, ISO 8601 with offset; may be given several times")
    ] = None,
    starts: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="a file with one start a line")] = None,
    category: Annotated[str, typer.Option(help="where limits differ by category")] = "",
    agency: Annotated[str, typer.Option(help="where limits differ by agency")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object a line, for each start")] = False,
) -> None:
    """Say when a limit ends, by which law, and why: every counted and skipped day."""
    from services.deadlines import explain
    from services.deadlines.clocks import Law
    from services.deadlines.workdays import WorkDays

    wanted = [*(start or []), *(line for line in (starts.read_text().splitlines() if starts else []) if line.strip())]
    if not wanted:
        _stop("Give at least one --start, or a file of them with --starts.")
    try:
        loaded = load_pack(pack or _settings().pack)
        law = Law(loaded, WorkDays(loaded.calendar))
        answers = [explain.answer(law, explain.Question(rule, _moment(text), category, agency)) for text in wanted]
    except (PackError, ValueError) as error:
        _stop(str(error))
    for row in answers:
        typer.echo(json.dumps(row, ensure_ascii=False) if as_json else _due_text(row))


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"{text.strip()!r} is not a time in ISO 8601, such as 2026-08-21T10:00:00+07:00") from None
    if moment.tzinfo is None:
        raise ValueError(f"{text.strip()!r} has no offset from UTC; write it, such as 2026-08-21T10:00:00+07:00")
    return moment


def _due_text(row: dict[str, Any]) -> str:
    mark = "" if row["verified"] else "  (chưa đối chiếu văn bản: not yet compared with the text of the law)"
    lines = [f"{row['rule']}: {row['limit']} {row['unit']} from {row['start']}: due {row['due_date']}, until {row['due_at']}"]
    lines.append(f"{row['rule_set']}: {row['article']}{mark}; calendar {row['calendar_version']}")
    for day in row["days"]:
        number = f"{day['counted']:>3}" if day["counted"] else "  -"
        source = f"  [{day['source']}]" if day["source"] else ""
        lines.append(f"  {day['date']} {number}  {day['reason']}{source}".rstrip())
    return "\n".join(lines)


@cli.command()
def token(agency: str, days: Annotated[int, typer.Option(min=1, max=3650)] = 90) -> None:
    """Sign a token by which an agency may read the senders of its own cases."""
    from services.intake.api import sign_agency_token

    settings = _settings()
    secret_key = settings.intake.secret_key.get_secret_value()
    if len(secret_key) < 32:
        _stop("PAKN_INTAKE__SECRET_KEY must be the one that intake runs with; `pakn up` keeps its own in .pakn/secret.key")
    try:
        pack = load_pack(settings.pack)
    except PackError as error:
        _stop(str(error))
    if agency not in {row.id for row in pack.agencies}:
        _stop(f"Pack {pack.id} has no agency {agency!r}.")
    expires_at = clock.machine_now() + timedelta(days=days)
    typer.echo(sign_agency_token(secret_key, agency, str(uuid.uuid4()), expires_at))


@cli.command()
def erase(code: str) -> None:
    """Erase name, address, phone and email of a feedback's sender for good; the matter itself stays."""
    from services.intake import operate

    try:
        erased = asyncio.run(operate.erase_sender(_settings(), code))
    except PyMongoError as error:
        _stop_without_database(error)
    except KafkaError as error:
        _stop(f"Intake has erased them, but Kafka at PAKN_KAFKA__BOOTSTRAP does not answer: do it again. {error}")
    if not erased:
        _stop(f"No feedback has the code {code!r}.")
    typer.echo(f"The sender's details of {code} are erased.")


letters = typer.Typer(no_args_is_help=True, help="Letters that need a person: list them, settle one after a look into the mailbox.")
cli.add_typer(letters, name="letters")
cli.add_typer(contracts.cli, name="schemas")


@letters.command("list")
def list_letters(
    state: Annotated[Literal["uncertain", "failed"], typer.Option()] = "uncertain",
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object a line")] = False,
) -> None:
    """List letters of which nobody knows whether they arrived, with the Message-ID to look for."""
    from services.notify import operate

    try:
        rows = asyncio.run(operate.list_letters(_settings(), state))
    except PyMongoError as error:
        _stop_without_database(error)
    for row in rows:
        values = row._asdict() | {"since": row.since.isoformat()}
        typer.echo(json.dumps(values) if as_json else "  ".join(values.values()))
    if not rows and not as_json:
        typer.echo(f"No letter is {state}.")


@letters.command("settle")
def settle_letter(letter_id: str, verdict: Annotated[Literal["sent", "resend"], typer.Argument()]) -> None:
    """Decide on one letter: it counts as sent, or it is sent again with the same Message-ID."""
    from services.notify import operate

    try:
        settled = asyncio.run(operate.settle_letter(_settings(), letter_id, verdict))
    except PyMongoError as error:
        _stop_without_database(error)
    if not settled:
        _stop(f"No uncertain or failed letter has the id {letter_id!r}.")


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
    from services.demo import play

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
        _stop(str(error))
    raise typer.Exit(code)


def main() -> None:
    """The entry point of the command."""
    cli()


if __name__ == "__main__":
    main()
