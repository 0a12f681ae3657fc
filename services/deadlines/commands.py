"""The commands about the law: when a limit ends, the working calendar, and the clocks of any date."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any, get_args
from zoneinfo import ZoneInfo

import typer
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.table import Table

from pakn import legal_time
from pakn.engine.command_line import run_on_database, settings_or_stop, stop
from pakn.errors import TryAgain
from pakn.packs.load import Pack, PackError, load_pack
from schemas.values import RuleName
from services.deadlines import calendar_change
from services.deadlines.clocks import explain
from services.deadlines.law import calendar_check
from services.deadlines.law.known import Law
from services.deadlines.lawbook import lead
from services.deadlines.replay import from_topic

calendar = typer.Typer(no_args_is_help=True, add_completion=False, help="The working calendar: compare it, apply a corrected one.")
PackOption = Annotated[str | None, typer.Option(help="a pack's name or folder; PAKN_PACK by default")]


def _pack(name: str | None, calendar_file: Path | None = None) -> Pack:
    try:
        return load_pack(name or settings_or_stop().pack, calendar_file)
    except PackError as error:
        stop(str(error))


def due(
    rule: Annotated[str, typer.Option(help=", ".join(get_args(RuleName)))],
    pack: PackOption = None,
    start: Annotated[
        list[str] | None, typer.Option(help="when it starts, ISO 8601 with offset; may be given several times")
    ] = None,
    starts: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="a file with one start a line")] = None,
    category: Annotated[str, typer.Option(help="where limits differ by category")] = "",
    agency: Annotated[str, typer.Option(help="where limits differ by agency")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object a line, for each start")] = False,
) -> None:
    """Say when a limit ends, by which law, and why: every counted and skipped day."""
    wanted = [
        *(start or []),
        *(line for line in (starts.read_text(encoding="utf-8-sig").splitlines() if starts else []) if line.strip()),
    ]
    if not wanted:
        stop("Give at least one --start, or a file of them with --starts.")
    loaded = _pack(pack)
    for kind, name, known in (("category", category, loaded.categories), ("agency", agency, loaded.agencies)):
        if name and name not in {row.id for row in known}:
            stop(f"Pack {loaded.id} has no {kind} {name!r}.")
    law = Law.of(loaded)
    answers, faults = [], []
    for text in wanted:
        try:
            answers.append(explain.answer(law, rule, _moment(text), category, agency))
        except ValueError as error:
            faults.append(str(error))
    if faults:
        stop("\n".join(dict.fromkeys(faults)))
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


def _due_text(row: Mapping[str, Any]) -> str:
    mark = "" if row["verified"] else "  (not yet compared with the text of the law)"
    lines = [f"{row['rule']}: {row['limit']} {row['unit']} from {row['start']}: due {row['due_date']}, until {row['due_at']}"]
    lines.append(f"{row['rule_set']}: {row['article']}{mark}; calendar {row['calendar_version']}")
    if row["provisional"]:
        lines.append("The calendar of a year in this count is provisional: its days off are estimates.")
    for day in row["days"]:
        number = f"{day['counted']:>3}" if day["counted"] else "  -"
        source = f"  [{day['source']}]" if day["source"] else ""
        lines.append(f"  {day['date']} {number}  {day['reason']}{source}".rstrip())
    return "\n".join(lines)


@calendar.command("check")
def check_calendar(
    pack: PackOption = None,
    file: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="a calendar in place of the pack's own")] = None,
) -> None:
    """Compare with the `holidays` package, and say which year is missing. Exits with 1 where something is to be done."""
    loaded = _pack(pack, file)
    found = calendar_check.differences(loaded.calendar)
    new = [row for row in found if row.reason is None]
    for row in found:
        said = f"{row.date:%Y-%m-%d %A}: {'worked' if row.worked_here else 'off'} here, the other way round in the package"
        new_here = "NEW: find out which is right, and list a day that is right here in compare_with.known"
        typer.echo(f"{said}; {'known: ' + row.reason if row.reason else new_here}")
    if loaded.calendar.compare_with is None:
        typer.echo("This calendar names no country to compare with (compare_with: {country: ...}).")
    today = legal_time.make_legal_time(None).now().astimezone(ZoneInfo(loaded.calendar.timezone)).date()
    to_do = calendar_check.coming_years(loaded.calendar, today)
    for line in to_do:
        typer.echo(line)
    typer.echo(f"Calendar {loaded.calendar.version}: {len(found) - len(new)} known differences, {len(new)} new.")
    raise typer.Exit(1 if new or any("missing" in line for line in to_do) else 0)


@calendar.command("apply")
def apply_calendar(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="the corrected calendar.yaml, with a later version")],
    pack: PackOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only show what would move")] = False,
) -> None:
    """Count running clocks again by a corrected calendar. Running services take it up; put the file into the pack as well."""
    settings, loaded = settings_or_stop(), _pack(pack)
    corrected = _pack(pack, file)
    try:
        if run_on_database(calendar_change.is_known(settings, corrected.calendar, loaded.calendar)):
            typer.echo(f"Version {corrected.calendar.version} is applied already; nothing is changed.")
            return
        _show_preview(run_on_database(calendar_change.preview(settings, loaded, corrected.calendar)), corrected.calendar.version)
        if dry_run:
            typer.echo("Nothing was changed (--dry-run).")
            return
        run_on_database(calendar_change.apply(settings, corrected.calendar, loaded.calendar))
    except (calendar_change.CannotApply, TryAgain) as error:
        stop(str(error))
    holds_in, grace = lead(settings.deadlines.law_seconds).total_seconds(), settings.deadlines.grace_seconds
    typer.echo(
        f"Applied. It holds in {holds_in:g} s; running clocks are counted by it from {holds_in + grace:g} s on. "
        f"Put {file} into the pack too."
    )


def _show_preview(seen: Any, version: str) -> None:
    if seen.by_agency:
        title = f"What calendar {version} moves, of {seen.clocks} running clocks"
        columns = ("later", "nearer", "overdue taken back", "first counted")
        _show_table(title, "agency", columns, dict(sorted(seen.by_agency.items())))
    else:
        typer.echo(f"Calendar {version} moves none of the clocks that run.")
    for line in seen.beyond:
        typer.echo(f"Not counted: {line}")
    for announced in seen.announced:
        typer.echo(f"Calendar {announced} was applied a moment ago and has still to be counted by; look again in a minute.")


def replay_clocks(
    at: Annotated[str, typer.Option(help="a local day, of which the end counts, or a time in ISO 8601 with offset")],
    pack: PackOption = None,
    compare: Annotated[bool, typer.Option("--compare", help="compare with the database of deadlines; only for now")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object")] = False,
) -> None:
    """Say from the lifecycle topic alone which clocks were open, met or late at any date."""
    settings, loaded = settings_or_stop(), _pack(pack)
    try:
        instant = _end_of_day(at, ZoneInfo(loaded.calendar.timezone)) if len(at) == 10 else _moment(at)
        if compare and instant < legal_time.make_legal_time(settings.legal_time.file).now():
            raise ValueError("--compare sets the topic beside the database of now; leave it out, or give today with --at")
        replay = run_on_database(from_topic.replay(settings, instant))
        faults = run_on_database(from_topic.differences(settings, replay)) if compare else []
    except ValueError as error:
        stop(str(error))
    except (KafkaError, OSError, TimeoutError) as error:
        stop(f"The lifecycle topic on the Kafka at {settings.kafka.bootstrap} (PAKN_KAFKA__BOOTSTRAP) cannot be read: {error}")
    counts = {rule: dict(row) for rule, row in sorted(replay.counts().items())}
    if as_json:
        typer.echo(json.dumps({"at": instant.isoformat(), "rules": counts, "differences": faults}, ensure_ascii=False))
    else:
        title = f"Clocks at {instant:%Y-%m-%d %H:%M:%S %z}"
        _show_table(title, "rule", ("open", "past", "uncounted", "met", "met late", "cancelled"), counts)
        if instant > legal_time.make_legal_time(settings.legal_time.file).now():
            typer.echo("That is still to come: so it stands if nothing more is done until then.")
        for fault in faults:
            typer.echo(fault)
        if compare:
            typer.echo(f"{len(replay.clocks)} clocks in the topic; {len(faults)} differ from the database.")
    raise typer.Exit(1 if faults else 0)


def _end_of_day(text: str, zone: ZoneInfo) -> datetime:
    try:
        # The last instant of the day: what is due at 24:00 is not late on that day yet.
        return datetime.combine(date.fromisoformat(text) + timedelta(days=1), time(), zone) - timedelta(microseconds=1)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is not a date, such as 2026-08-21") from None


def _show_table(title: str, of: str, columns: Sequence[str], rows: Mapping[str, Mapping[str, int]]) -> None:
    table = Table(title=title, title_justify="left")
    table.add_column(of)
    for name in columns:
        table.add_column(name, justify="right")
    for first, counts in rows.items():
        table.add_row(first, *(str(counts.get(name, 0)) for name in columns))
    Console().print(table, highlight=False)
