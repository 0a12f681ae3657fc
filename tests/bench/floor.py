"""The bare floor: what the engine wrote and read in the rehearsal, done again on the same servers with none of our code.

As many processes as the engine has (`replay.py`), so that both use the machine's cores alike. HTTP and SMTP are left out: the
floor is Kafka and MongoDB alone.
"""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pakn.engine import mongo
from pakn.operations.topics import provision
from pakn.settings import Settings
from schemas.topics import ServiceName
from tests.bench import usage
from tests.bench.engine import LETTERS, bound
from tests.support.system import server_environment

_START_SECONDS = 120.0
_SHARE = 0.98


async def run(recordings: Iterable[Path], old: str, settings: Settings, cases: int) -> usage.Figures:
    """Replay recordings, a file a process, of namespace `old` in that of `settings`.

    Raises RuntimeError when a process ends early or less came of it, TimeoutError that names the processes which did not end.
    """
    await provision(settings)
    processes: dict[str, Process] = {}
    try:
        for file in recordings:
            command = (sys.executable, "-m", "tests.bench.replay", str(file), old, settings.namespace)
            environment = os.environ | server_environment(settings)
            processes[file.stem] = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, env=environment)
        await _lines(processes, _START_SECONDS)
        meter = usage.Meter({name: process.pid for name, process in processes.items()})
        for process in processes.values():
            assert process.stdin is not None
            process.stdin.write(b"go\n")
        await _lines(processes, bound(cases))
        result = meter.figures(cases)
    finally:
        for process in processes.values():
            if process.returncode is None:
                process.kill()
                await process.wait()
    await _check(settings, cases)
    return result


async def _lines(processes: Mapping[str, Process], seconds: float) -> None:
    """Wait for the next line of each process."""
    reading = {asyncio.create_task(_line(name, process)): name for name, process in processes.items()}
    done, late = await asyncio.wait(reading, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
    for task in late:
        task.cancel()
    await asyncio.gather(*done)
    if late:
        names = ", ".join(name for task, name in reading.items() if task in late)
        raise TimeoutError(f"waited {seconds:.0f} s in vain for the floor's processes {names}")


async def _line(name: str, process: Process) -> None:
    assert process.stdout is not None
    if not await process.stdout.readline():
        raise RuntimeError(f"the floor's process {name} ended early with status {await process.wait()}")


async def _check(settings: Settings, cases: int) -> None:
    """The floor counts only when its guarded updates have met their documents, as they did in the engine.

    Two operations that overlapped in the rehearsal may come in the other order here, which a few letters may not survive.
    """
    expected: tuple[tuple[ServiceName, str, dict[str, Any], int], ...] = (
        ("intake", "feedbacks", {"state": "published"}, cases),
        ("routing", "cases", {"state": "published"}, cases),
        ("deadlines", "cases", {"running": []}, cases),
        ("notify", "letters", {"state": "sent", "announce": None}, cases * len(LETTERS)),
    )
    for service, collection, query, wanted in expected:
        async with mongo.opened(settings, service) as database:
            found = await database[collection].count_documents(query)
        if found < wanted * _SHARE:
            raise RuntimeError(f"the floor left {found} of {wanted} documents in {service}.{collection} as the engine did")
