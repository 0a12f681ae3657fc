"""One run of the engine: the four services as processes, everything sent at full speed, and what it took to handle it all.

A run ends when every case is published, every letter sent and announced, and every group has committed all there is.
"""

import asyncio
import contextlib
import json
import os
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx

from pakn.demo import audit
from pakn.demo.requests import DemoRequest
from pakn.engine import mongo
from pakn.engine.kafka import administering
from pakn.engine.topic_reader import all_handled, partitions_of
from pakn.local import stack
from pakn.local.launcher import Servers
from pakn.operations.evidence import Evidence, read_evidence
from pakn.packs.load import PACKS, load_pack
from pakn.settings import Settings
from tests.bench import traffic, usage
from tests.bench.mail_sink import take_letters
from tests.bench.recording import recorder
from tests.bench.world import World
from tests.support.outside_world import until
from tests.support.system import owns

PACK = "vn"
LETTERS = ("received", "assigned", "reply_published")
_FIELDS = ("category", "title", "content", "sender", "submitter_type", "province", "addressed_to", "level")


def bodies(count: int) -> list[dict[str, Any]]:
    """The pack's own sample again and again: requests that are accepted and bring no files."""
    lines = (PACKS / PACK / "requests_sample.jsonl").read_text().splitlines()
    rows = [row for row in map(json.loads, lines) if row["expect"] == "submitted" and not row["attachments"]]
    wanted = [{name: row[name] for name in _FIELDS if row.get(name) is not None} for row in rows]
    return [wanted[number % len(wanted)] for number in range(count)]


def bound(cases: int) -> float:
    """How many seconds `cases` may take at most, for the slowest database on a busy machine."""
    return 60 + cases / 2


async def run(servers: Servers, folder: Path, namespace: str, cases: int, record: Path | None) -> tuple[Settings, usage.Figures]:
    """Send `cases` and wait for their end. Returns the services' settings and the figures.

    Raises AssertionError that says what did not come.
    """
    letters: Counter[str] = Counter()
    sink = await asyncio.start_server(partial(take_letters, letters), "127.0.0.1", 0)
    environment = {
        "PAKN_NAMESPACE": namespace,
        "PAKN_PACK": PACK,
        "PAKN_SMTP__HOST": "127.0.0.1",
        "PAKN_SMTP__PORT": str(sink.sockets[0].getsockname()[1]),
        # The default of a second would measure how long the last letters sleep.
        "PAKN_NOTIFY__TICK_SECONDS": "0.1",
        "PAKN_NOTIFY__LETTERS_PER_ADDRESS": "0",
        "PAKN_NOTIFY__LETTERS_PER_UNCONFIRMED": "0",
    }
    recording: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
    if record:
        hooks = Path(recorder.__file__).parent
        environment |= {"BENCH_RECORD": str(record), "PYTHONPATH": os.pathsep.join([str(hooks), str(Path.cwd())])}
        recording = recorder.recording_kafka(recorder.Recorder(), record / "world.bson", groups_only=False)
    async with sink, stack.running(servers, folder, environment, logs=folder / "logs" / namespace) as running:
        portals = [portal.id for portal in load_pack(PACK).header.portals]
        world = World(running.settings, int(running.urls["intake"].rpartition(":")[2]), bodies(cases), portals)
        await until(lambda: ready(running), "the services are ready", 120)
        with recording:
            measured = await _measure(running, world, letters, cases)
        evidence = await read_evidence(running.settings)
        sent = await traffic.measure(running.settings, cases)
    first = [row for row in evidence.stored["notify"].values() if row["moment"] == LETTERS[0]]
    return running.settings, measured | sent | {
        "submit_to_assigned_ms": _percentiles([at - world.submitted[case] for case, at in world.assigned.items()]),
        "submit_to_letter_queued_ms": _percentiles(
            [row["created_at"].timestamp() - world.submitted[row["feedback_id"]] for row in first]
        ),
        "findings": _findings(cases, world, evidence, letters),
    }


async def _measure(running: stack.Stack, world: World, letters: Counter[str], cases: int) -> usage.Figures:
    settings, seconds, wanted = running.settings, bound(cases), cases * len(LETTERS)
    async with (
        administering(settings.kafka) as admin,
        mongo.opened(settings, "notify") as database,
        world.running(await partitions_of(admin, settings.namespace)),
    ):
        meter = usage.Meter({name: running.supervisor.pid(name) for name in stack.SERVICES} | {"world": os.getpid()})
        sending = asyncio.create_task(world.send_all())
        await until(sending.done, f"{cases} submissions are taken", seconds)
        await sending
        await until(lambda: len(letters) >= wanted, f"{wanted} letters", seconds)
        letters_seconds = meter.seconds()

        async def announced() -> bool:
            return bool(await database["letters"].count_documents({"state": "sent", "announce": None}) >= wanted)

        async def handled() -> bool:
            return await all_handled(admin, settings.namespace, await world.ends())

        await until(announced, "all letters are announced", seconds)
        await until(handled, "all groups have committed", seconds)
        measured = meter.figures(cases)
        turns = {name: await _turns(url) for name, url in running.urls.items()}
    return measured | {
        "seconds_to_last_letter": round(letters_seconds, 2),
        "records_per_turn": {name: round(records / max(count, 1), 1) for name, (count, records) in turns.items()},
        "turns": {name: int(count) for name, (count, _) in turns.items()},
    }


def _percentiles(seconds: Sequence[float]) -> dict[str, float]:
    rows, last = sorted(seconds), len(seconds) - 1
    return {f"p{part}": round(rows[round(last * part / 100)] * 1000) for part in (50, 99)}


def _findings(cases: int, world: World, evidence: Evidence, letters: Counter[str]) -> list[str]:
    """What was lost or doubled, counted by the demo's audit from topics, databases and the mail server."""
    sent = [DemoRequest(str(number), None, datetime.fromtimestamp(0, UTC), None, {}) for number in range(cases)]
    report = audit.audit(sent, world.outcomes, evidence, SimpleNamespace(counts=letters))  # type: ignore[arg-type]
    expected = {"submitted": cases, "published": cases, "letters_sent": cases * len(LETTERS), "dead_letters": 0}
    wrong = [f"{name}: {report[name]} and not {number}" for name, number in expected.items() if report[name] != number]
    return [*report["findings"], *wrong, *([f"{world.refused} acts were refused"] if world.refused else [])]


async def ready(running: stack.Stack) -> bool:
    """Whether every service is connected and owns partitions."""
    async with httpx.AsyncClient(timeout=5) as http:
        return all([await owns(http, url) for url in running.urls.values()])


async def _turns(url: str) -> tuple[float, float]:
    """How many batches a service has handled, and how many records in them."""
    async with httpx.AsyncClient(timeout=10) as http:
        lines = [line.rpartition(" ") for line in (await http.get(f"{url}/metrics")).text.splitlines()]
    turns = sum(float(value) for key, _, value in lines if key == "pakn_turn_seconds_count")
    return turns, sum(float(value) for key, _, value in lines if key.startswith("pakn_events_consumed_total{"))
