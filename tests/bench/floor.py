"""The bare floor: what the engine wrote and read in the rehearsal, done again on the same servers with none of our code.

As many processes as the engine has (`replay.py`), so that both use the machine's cores alike. HTTP and SMTP are left out: the
floor is Kafka and MongoDB alone.
"""

import asyncio
import json
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pakn.engine import mongo
from pakn.operations.topics import provision
from pakn.settings import Settings
from tests.bench import usage
from tests.bench.engine import LETTERS, bound

_START_SECONDS, _END_SECONDS = 120.0, 30.0
_SHARE = 0.98
_LONGEST_LINE = 1 << 20


@dataclass(frozen=True, slots=True)
class Floor:
    """What one run of the floor gave; `did` has what each process read, sent and commanded."""

    seconds: float
    used: usage.Usage
    did: Mapping[str, Mapping[str, int]]


async def run(recordings: Sequence[Path], old: str, settings: Settings, count: int) -> Floor:
    """Replay recordings, a file a process, of namespace `old` in that of `settings`.

    Raises RuntimeError when a process ends early or less came of it, TimeoutError that names the processes which did not end.
    """
    await provision(settings)
    processes: dict[str, Process] = {}
    try:
        for file in recordings:
            address = (settings.kafka.bootstrap, settings.mongo.uri.get_secret_value())
            command = (sys.executable, "-m", "tests.bench.replay", str(file), old, settings.namespace, *address)
            processes[file.stem] = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, limit=_LONGEST_LINE)
        await _lines(processes, _START_SECONDS)
        pids = {name: process.pid for name, process in processes.items()} | usage.server_pids()
        before, started = usage.read(pids), time.perf_counter()
        _go(processes)
        lines = await _lines(processes, bound(count))
        seconds, used = time.perf_counter() - started, usage.read(pids).since(before)
        _go(processes)
        await asyncio.wait([asyncio.create_task(process.wait()) for process in processes.values()], timeout=_END_SECONDS)
    finally:
        for process in processes.values():
            if process.returncode is None:
                process.kill()
                await process.wait()
    await _check(settings, count)
    return Floor(seconds, used, {name: json.loads(line) for name, line in lines.items()})


def _go(processes: Mapping[str, Process]) -> None:
    for process in processes.values():
        assert process.stdin is not None
        process.stdin.write(b"go\n")


async def _lines(processes: Mapping[str, Process], seconds: float) -> dict[str, bytes]:
    """The next line of each process."""
    reading = {name: asyncio.create_task(_line(name, process)) for name, process in processes.items()}
    _, late = await asyncio.wait(reading.values(), timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
    for task in late:
        task.cancel()
    lines = {name: task.result() for name, task in reading.items() if task not in late}
    if late:
        names = ", ".join(name for name, task in reading.items() if task in late)
        raise TimeoutError(f"waited {seconds:.0f} s in vain for the floor's processes {names}")
    return lines


async def _line(name: str, process: Process) -> bytes:
    assert process.stdout is not None
    line = await process.stdout.readline()
    if not line:
        raise RuntimeError(f"the floor's process {name} ended early with status {await process.wait()}")
    return line


async def _check(settings: Settings, count: int) -> None:
    """The floor counts only when its guarded updates have met their documents, as they did in the engine.

    Two operations that overlapped in the rehearsal may come in the other order here, which a few letters may not survive.
    """
    expected: tuple[tuple[str, str, dict[str, Any], int], ...] = (
        ("intake", "feedbacks", {"state": "published"}, count),
        ("routing", "cases", {"state": "published"}, count),
        ("deadlines", "cases", {"running": []}, count),
        ("notify", "letters", {"state": "sent", "announce": None}, count * len(LETTERS)),
    )
    client = mongo.make_client(settings.mongo)
    try:
        for service, collection, query, wanted in expected:
            found = await mongo.database(client, settings.namespace, service)[collection].count_documents(query)
            if found < wanted * _SHARE:
                raise RuntimeError(f"the floor left {found} of {wanted} documents in {service}.{collection} as the engine did")
    finally:
        await mongo.close(client)
