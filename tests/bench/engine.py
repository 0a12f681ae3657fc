"""One run of the engine: the four services as processes, everything sent at full speed, and what it took to handle it all.

A run ends when every case is published, every letter sent and announced, and every group has committed all there is.
"""

import asyncio
import json
import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from aiokafka.admin import AIOKafkaAdminClient

from pakn.demo import audit
from pakn.demo.requests import DemoRequest
from pakn.engine import mongo
from pakn.engine.topic_reader import all_handled, partitions_of
from pakn.local import stack
from pakn.local.launcher import Servers
from pakn.operations.evidence import Evidence, read_evidence
from pakn.packs.load import PACKS, load_pack
from pakn.settings import Settings
from tests.bench import usage
from tests.bench.mail_sink import MailSink
from tests.bench.recording import recorder
from tests.bench.world import World

PACK = "vn"
LETTERS = ("received", "assigned", "reply_published")
_FIELDS = ("category", "title", "content", "sender", "submitter_type", "province", "addressed_to", "level")


@dataclass(frozen=True, slots=True)
class Run:
    """What one run gave. Times are seconds, `letters_seconds` those to the last letter at the mail server.

    `turns` has the number of batches and of records handled, by service.
    """

    seconds: float
    letters_seconds: float
    used: usage.Usage
    assigned_after: Sequence[float]
    letter_after: Sequence[float]
    turns: Mapping[str, tuple[int, int]]
    findings: Sequence[str]
    settings: Settings


def bodies(count: int) -> list[dict[str, Any]]:
    """The pack's own sample again and again: requests that are accepted and bring no files."""
    lines = (PACKS / PACK / "requests_sample.jsonl").read_text().splitlines()
    rows = [row for row in map(json.loads, lines) if row["expect"] == "submitted" and not row["attachments"]]
    wanted = [{name: row[name] for name in _FIELDS if row.get(name) is not None} for row in rows]
    return [wanted[number % len(wanted)] for number in range(count)]


def bound(count: int) -> float:
    """How many seconds `count` cases may take at most, for the slowest database on a busy machine."""
    return 60 + count / 2


async def run(servers: Servers, folder: Path, namespace: str, count: int, record: Path | None) -> Run:
    """Send `count` cases and wait for their end. Raises TimeoutError that says what did not come."""
    letters: Counter[str] = Counter()
    sink = await asyncio.get_running_loop().create_server(lambda: MailSink(letters), "127.0.0.1", 0)
    environment = {
        "PAKN_NAMESPACE": namespace,
        "PAKN_PACK": PACK,
        "PAKN_SMTP__HOST": "127.0.0.1",
        "PAKN_SMTP__PORT": str(sink.sockets[0].getsockname()[1]),
        # The default of a second would measure how long the last letters sleep.
        "PAKN_NOTIFY__TICK_SECONDS": "0.1",
    }
    if record:
        hooks = Path(recorder.__file__).parent
        environment |= {"PAKN_BENCH_RECORD": str(record), "PYTHONPATH": os.pathsep.join([str(hooks), str(Path.cwd())])}
    async with (
        sink,
        stack.running(servers, folder, environment, logs=folder / "logs" / namespace) as running,
    ):
        return await _measure(running, letters, count, record)


async def _measure(running: stack.Stack, letters: Counter[str], count: int, record: Path | None) -> Run:
    settings = running.settings
    portals = [portal.id for portal in load_pack(PACK).header.portals]
    world = World(settings, int(running.urls["intake"].rpartition(":")[2]), bodies(count), portals)
    outside = recorder.Recorder()
    undo = recorder.hook_kafka(outside, groups_only=False) if record else None
    pids = {name: running.supervisor.pid(name) for name in stack.SERVICES} | usage.server_pids() | {"world": os.getpid()}
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka.bootstrap)
    client = mongo.make_client(settings.mongo)
    await admin.start()
    try:
        await _until(lambda: _ready(running), "the services to be ready", 120)
        await world.start(await partitions_of(admin, settings.namespace))
        before, started = usage.read(pids), time.perf_counter()
        seconds_at_most, wanted = bound(count), count * len(LETTERS)
        try:
            await asyncio.wait_for(world.send_all(), seconds_at_most)
        except TimeoutError:
            raise TimeoutError(f"waited {seconds_at_most:.0f} s in vain for {count} submissions to be taken") from None
        await _until(lambda: _true(len(letters) >= wanted), f"{wanted} letters", seconds_at_most)
        letters_seconds = time.perf_counter() - started
        stored = mongo.database(client, settings.namespace, "notify")["letters"]
        announced = {"state": "sent", "announce": None}
        await _until(lambda: _at_least(stored, announced, wanted), "all letters to be announced", seconds_at_most)

        async def handled() -> bool:
            return await all_handled(admin, settings.namespace, await world.ends())

        await _until(handled, "all groups to commit", seconds_at_most)
        seconds, used = time.perf_counter() - started, usage.read(pids).since(before)
        turns = await _turns(running)
    finally:
        if undo and record:
            undo()
            outside.close(record / "world.bson")
        await world.stop()
        await admin.close()
        await mongo.close(client)
    evidence = await read_evidence(settings)
    rows = evidence.stored["notify"].values()
    first = {row["feedback_id"]: row["created_at"].timestamp() for row in rows if row["moment"] == LETTERS[0]}
    return Run(
        seconds,
        letters_seconds,
        used,
        sorted(at - world.submitted[feedback_id] for feedback_id, at in world.assigned.items()),
        sorted(at - world.submitted[feedback_id] for feedback_id, at in first.items()),
        turns,
        _findings(count, world, evidence, letters),
        settings,
    )


def _findings(count: int, world: World, evidence: Evidence, letters: Counter[str]) -> list[str]:
    """What was lost or doubled, counted by the demo's audit from topics, databases and the mail server."""
    sent = [DemoRequest(str(number), None, datetime.fromtimestamp(0, UTC), None, {}) for number in range(count)]
    report = audit.audit(sent, world.outcomes, evidence, _Mailbox(letters))  # type: ignore[arg-type]
    expected = {"submitted": count, "published": count, "letters_sent": count * len(LETTERS), "dead_letters": 0}
    wrong = [f"{name}: {report[name]} and not {number}" for name, number in expected.items() if report[name] != number]
    return [*report["findings"], *wrong, *([f"{world.refused} acts were refused"] if world.refused else [])]


@dataclass(frozen=True)
class _Mailbox:
    counts: Counter[str]


async def _ready(running: stack.Stack) -> bool:
    async with httpx.AsyncClient(timeout=5) as http:
        try:
            answers = [await http.get(f"{url}/ready") for url in running.urls.values()]
        except httpx.TransportError:
            return False
    return all(answer.status_code == 200 and answer.json()["partitions"] for answer in answers)


async def _turns(running: stack.Stack) -> dict[str, tuple[int, int]]:
    found = {}
    async with httpx.AsyncClient(timeout=10) as http:
        for name, url in running.urls.items():
            lines = [line.rpartition(" ") for line in (await http.get(f"{url}/metrics")).text.splitlines()]
            turns = sum(float(value) for key, _, value in lines if key == "pakn_turn_seconds_count")
            records = sum(float(value) for key, _, value in lines if key.startswith("pakn_events_consumed_total{"))
            found[name] = (int(turns), int(records))
    return found


async def _true(value: bool) -> bool:
    return value


async def _at_least(collection: Any, query: dict[str, Any], wanted: int) -> bool:
    return bool(await collection.count_documents(query) >= wanted)


async def _until(condition: Any, what: str, seconds: float) -> None:
    ends = time.monotonic() + seconds
    while not await condition():
        if time.monotonic() > ends:
            raise TimeoutError(f"waited {seconds:.0f} s in vain for {what}; the services' logs say more")
        await asyncio.sleep(0.02)
