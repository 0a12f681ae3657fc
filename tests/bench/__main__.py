"""`make bench`: the engine at full speed beside the bare floor, on the servers that the launcher finds. Prints, asserts nothing.

One rehearsal, recorded and not counted; then each run of the engine is followed by a run of the floor (`engine.py`, `floor.py`).
"""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Annotated

import typer

from pakn.engine import mongo
from pakn.engine.kafka import administering
from pakn.local import stack
from pakn.local.child_process import CannotStart
from pakn.local.launcher import Servers
from pakn.settings import Settings
from tests.bench import due_dates, engine, figures, floor, usage

_CLEAR_SECONDS = 300


def bench(
    cases: Annotated[int, typer.Option(min=10, help="cases in each run")] = 2000,
    runs: Annotated[int, typer.Option(min=1, help="measured runs of the engine, and as many of the floor")] = 3,
    folder: Annotated[Path, typer.Option(help="where servers, logs and the recording are kept")] = Path(".pakn/bench"),
    report: Annotated[Path | None, typer.Option(help="write the figures there as JSON")] = None,
) -> None:
    """Measure cases per second end to end, the cost of each, and the ratio to the bare floor."""
    try:
        result = asyncio.run(_bench(cases, runs, folder.absolute()))
    except (CannotStart, AssertionError, TimeoutError, RuntimeError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    figures.show(result)
    if report:
        report.write_text(json.dumps(result, indent=1, ensure_ascii=False))
    raise typer.Exit(1 if any(run["findings"] for run in result["engine"]) else 0)


async def _bench(cases: int, runs: int, folder: Path) -> usage.Figures:
    recorded = folder / "recording"
    for old in (recorded, folder / "logs"):
        shutil.rmtree(old, ignore_errors=True)
    recorded.mkdir(parents=True)
    result: usage.Figures = {"machine": usage.machine(), "cases": cases, "engine": [], "floor": []}
    with Servers.start(folder / "servers", fresh=True, speed=True) as servers:
        result["stack"] = servers.description
        figures.head(result, runs)
        settings, rehearsal = await engine.run(servers, folder, "bench0", cases, recorded)
        print(f"rehearsal: {rehearsal['cases_per_second']} cases/s", flush=True)
        await _clear(settings)
        for number in range(1, runs + 1):
            settings, measured = await engine.run(servers, folder, f"bench{number}", cases, None)
            await _clear(settings)
            settings = settings.model_copy(update={"namespace": f"floor{number}"})
            bare = await floor.run(recorded.glob("*.bson"), "bench0", settings, cases)
            await _clear(settings)
            result["engine"].append(measured)
            result["floor"].append(bare)
            figures.run_line(number, measured, bare)
    return result | {"due_dates": due_dates.due_dates(engine.PACK, max(runs, 3))}


async def _clear(settings: Settings) -> None:
    """Drop the databases and topics of one run: what it leaves behind must not slow down the next one. Raises TimeoutError."""
    client = mongo.make_client(settings.mongo)
    try:
        async with asyncio.timeout(_CLEAR_SECONDS), administering(settings.kafka) as admin:
            for service in stack.SERVICES:
                await client.drop_database(f"{settings.namespace}_{service}")
            topics = [topic for topic in await admin.list_topics() if topic.startswith(f"{settings.namespace}.")]
            await admin.delete_topics(topics, timeout_ms=60_000)
    except TimeoutError:
        raise TimeoutError(f"waited {_CLEAR_SECONDS} s in vain for the servers to drop {settings.namespace}") from None
    finally:
        await mongo.close(client)


if __name__ == "__main__":
    typer.run(bench)
