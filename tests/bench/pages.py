"""`make bench-pages`: how long the server takes for each page at 100,000 cases, and how much each weighs.

Intake answers behind a real port, in this process; one visitor asks for one page after the other, so that nothing waits for
anything else. The bare floor beside it: the commands of a rehearsal of the same page, by plain PyMongo on the same server. Prints,
writes the section "Pages" of docs/performance.md, asserts nothing.
"""

import asyncio
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Annotated, Any, Final, NamedTuple

import pymongo
import typer
import uvloop
from pymongo import monitoring
from pymongo.errors import PyMongoError

from pakn.local.child_process import CannotStart
from pakn.local.launcher import Servers
from pakn.settings import IntakeSettings
from services.intake.feedback import Feedback
from tests.bench import cases, figures, usage
from tests.bench.visits import PAGES, Answer, Page, Visitor
from tests.support.serving import serving
from tests.support.system import SECRET_KEY, System, make_settings

_UNTOLD: Final = {"lsid", "txnNumber", "$clusterTime", "$readPreference", "maxTimeMS"}
_REPEATED: Final = {"find", "findAndModify", "aggregate"}
# What the outbox asks for, now and again.
_NOT_OF_PAGES: Final = {"outbox_marks"}
_LIMIT_MS, _LIMIT_KB = 100.0, 60.0
_NO_LIMIT: Final = 10**9
_SECTION: Final = re.compile(r"(?<=<!-- pages: written by make bench-pages -->\n).*?(?=<!-- end of pages -->)", re.DOTALL)


class Rehearsal(monitoring.CommandListener):
    """Keeps the reads, and the counting, that the server's database is asked for while `commands` is set."""

    commands: list[tuple[str, dict[str, Any]]] | None = None

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """A command goes to the database."""
        if self.commands is None or event.command_name not in _REPEATED:
            return
        if event.command[event.command_name] not in _NOT_OF_PAGES:
            work = {key: value for key, value in event.command.items() if key not in _UNTOLD and key != "$db"}
            self.commands.append((event.database_name, work))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Of no interest here."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Of no interest here."""


class Row(NamedTuple):
    """What was measured of a page: milliseconds of the page and of its floor, in order; the commands; kilobytes with all files."""

    name: str
    pages: list[float]
    floors: list[float]
    commands: int
    kilobytes: float

    @property
    def is_within(self) -> bool:
        """Whether it keeps what is promised of each page."""
        return _p99(self.pages) < _LIMIT_MS and self.kilobytes < _LIMIT_KB


def _p99(values: list[float]) -> float:
    return values[min(len(values) - 1, int(len(values) * 0.99))]


def _spread(values: list[float]) -> str:
    return f"{median(values):.1f} ({values[0]:.1f} .. {values[-1]:.1f})"


def measure(url: str, client: Any, rehearsal: Rehearsal, some: list[Feedback], runs: int) -> list[Row]:
    """Each page `runs` times, after one that is not counted; of the cases another one each time."""
    rows: list[Row] = []
    files: dict[str, int] = {}
    for page in PAGES:
        visitor = Visitor(url)
        answers: list[Answer] = []
        floors: list[float] = []
        commands: list[tuple[str, dict[str, Any]]] = []
        for run in range(runs + 1):
            row, number = some[run * 7 % len(some)], run * 977
            rehearsal.commands = None
            answer = _asked(page, visitor, row, number, rehearsal)
            commands = rehearsal.commands or []
            rehearsal.commands = None
            if run:
                answers.append(answer)
                floors.append(_repeat(client, commands))
        weight = len(answers[-1].body) + _files(visitor, answers[-1].body.decode(), files)
        times = sorted(answer.seconds * 1000 for answer in answers)
        rows.append(Row(page.name, times, sorted(floors), len(commands), weight / 1000))
        print(_line(rows[-1]), flush=True)
    return rows


def _asked(page: Page, visitor: Visitor, row: Feedback, number: int, rehearsal: Rehearsal) -> Answer:
    """The page's own request, which is its last one. Raises AssertionError where it is not answered as it should be."""
    ask = visitor.ask

    def recorded(path: str, form: dict[str, str] | None = None) -> Answer:
        rehearsal.commands = []
        return ask(path, form)

    visitor.ask = recorded  # type: ignore[method-assign]
    try:
        answer = page.ask(visitor, row, number)
    finally:
        visitor.ask = ask  # type: ignore[method-assign]
    assert answer.status == page.status, f"{page.name}: {answer.status} {answer.body[-500:]!r}"
    return answer


def _repeat(client: Any, commands: list[tuple[str, dict[str, Any]]]) -> float:
    """Milliseconds of the commands, one after the other."""
    began = perf_counter()
    for name, command in commands:
        client[name].command(command)
    return (perf_counter() - began) * 1000


def _files(visitor: Visitor, html: str, known: dict[str, int]) -> int:
    """Bytes of the files that a page brings with it."""
    for path in re.findall(r'(?:src|href)="(/static/[^"]+)"', html):
        known[path] = known.get(path) or len(visitor.ask(path).body)
    return sum(known[path] for path in set(re.findall(r'(?:src|href)="(/static/[^"]+)"', html)))


def _line(row: Row) -> str:
    mark = "" if row.is_within else "   TOO MUCH"
    return (
        f"{row.name:<40}{_spread(row.pages):>24}{_p99(row.pages):>8.1f}{_spread(row.floors):>24}{row.commands:>4}"
        f"{row.kilobytes:>7.1f} KB{mark}"
    )


def section(rows: list[Row], count: int, runs: int, machine: Mapping[str, Any], stack: str) -> str:
    """The section of docs/performance.md."""
    day = datetime.now(UTC).date().isoformat()
    lines = [
        "",
        f"{day}: {count:,} cases, of which two of five are published; {runs} runs of each page, one visitor.",
        f"{machine['cores']} cores, {machine['processor']}, {machine['memory_gib']} GiB, {machine['system']}; {stack};",
        f"Python {machine['python']}; load average before: {machine['load_before']}, after: {os.getloadavg()[0]:.2f}.",
        "Median (lowest .. highest) in milliseconds. The floor: the commands of the same page by plain PyMongo on the same server.",
        "Weight: the page with style, script and icon, nothing compressed.",
        "",
        "| page | server, ms | p99 | floor, ms | commands | weight, KB |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.name} | {_spread(row.pages)} | {_p99(row.pages):.1f} | {_spread(row.floors)} | {row.commands} |"
        f" {row.kilobytes:.1f} |"
        for row in rows
    ]
    return "\n".join([*lines, "", ""])


async def run(count: int, runs: int, folder: Path, report: Path | None) -> bool:
    """Fill, measure, and write; returns whether each page is within its limits."""
    rehearsal = Rehearsal()
    monitoring.register(rehearsal)
    with Servers.start(folder / "servers", fresh=True, speed=True) as servers:
        machine, stack = usage.machine(), re.sub(r" started on [\w.:]+|; data in .*", "", servers.description)
        figures.print_stack(machine, stack)
        intake = IntakeSettings.model_validate(
            {"secret_key": SECRET_KEY, "form_seconds": 0, "limit_look_ups": _NO_LIMIT, "limit_submissions": _NO_LIMIT}
        )
        settings = make_settings(servers, "benchpages", folder / "clock", pack="vn", intake=intake)
        async with System(settings) as system:
            system.set_clock(cases.end(count))
            print(f"filling in {count} cases", flush=True)
            some = await cases.fill(system.documents("intake"), system.pack, count)
            await system.start("intake", role="web")
            machine["load_before"] = round(os.getloadavg()[0], 2)
            print(
                f"load average {machine['load_before']}; ms: median (lowest .. highest), p99, floor, its commands; weight",
                flush=True,
            )
            login = servers.mongo()
            password = login.password.get_secret_value() if login.password else None
            client: Any = pymongo.MongoClient(
                login.uri.get_secret_value(), username=login.username, password=password, tz_aware=True
            )
            async with serving(system.services["intake"].app) as url:
                rows = await asyncio.to_thread(measure, url, client, rehearsal, some, runs)
            client.close()
    if report:
        _write(report, section(rows, count, runs, machine, stack))
    return all(row.is_within for row in rows)


def _write(report: Path, text: str) -> None:
    written, found = _SECTION.subn(lambda _: text, report.read_text())
    if not found:
        raise AssertionError(f"{report} has no place for the section")
    report.write_text(written)


def bench_pages(
    count: Annotated[int, typer.Option("--cases", min=100, help="cases in the database")] = 100_000,
    runs: Annotated[int, typer.Option(min=10, help="measured runs of each page")] = 200,
    folder: Annotated[Path, typer.Option(help="where servers and logs are kept")] = Path(".pakn/bench-pages"),
    report: Annotated[Path | None, typer.Option(help="the document whose section is written anew")] = Path("docs/performance.md"),
) -> None:
    """Measure each page at many cases, beside its floor."""
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        is_within = uvloop.run(run(count, runs, folder, report))
    except (CannotStart, AssertionError, TimeoutError, PyMongoError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    raise typer.Exit(0 if is_within else 1)


if __name__ == "__main__":
    typer.run(bench_pages)
