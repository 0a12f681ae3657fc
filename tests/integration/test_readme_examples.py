"""The Python of README.md runs as it stands there: a portal posts and is answered, an agency acts, a dead letter is replayed."""

import asyncio
import contextlib
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.repository.test_readme import BLOCKS
from tests.support.outside_world import GOOD, until
from tests.support.system import System

Run = Callable[..., contextlib.AbstractAsyncContextManager[asyncio.StreamReader]]
PROGRAMS = [block for language, block in BLOCKS if language == "python"]


def program(name: str) -> str:
    """The example that defines the function `name`."""
    (found,) = [block for block in PROGRAMS if f"async def {name}(" in block]
    return found


@pytest.fixture
def run(system: System, tmp_path: Path) -> Run:
    """Runs an example in a process of its own, in the namespace of the test; gives what it prints and ends it after the block."""
    (tmp_path / "feedback.json").write_text(json.dumps(GOOD))
    environment = os.environ | {"KAFKA": system.settings.kafka.bootstrap, "PYTHONUNBUFFERED": "1"}

    @contextlib.asynccontextmanager
    async def running(name: str, *arguments: str) -> AsyncIterator[asyncio.StreamReader]:
        code = re.sub(r'f"pakn\.', f'f"{system.settings.namespace}.', program(name))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, *arguments, cwd=tmp_path, env=environment, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        try:
            async with asyncio.timeout(60):
                yield process.stdout
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    return running


async def lines_until(output: asyncio.StreamReader, word: str) -> list[str]:
    """What is printed up to the line that has `word`; fails when the program ends before."""
    found: list[str] = []
    while not found or word not in found[-1]:
        line = await output.readline()
        assert line, f"{word!r} was never printed, but {found}"
        found.append(line.decode())
    return found


async def test_a_portal_posts_and_reads_its_answer_and_an_agency_accepts(system: System, run: Run) -> None:
    async with run("post") as output:
        await output.read()
    async with run("answers") as output:
        printed = await lines_until(output, "HS-2026-000123")
    code = printed[-1].split()[1]
    async with run("work") as output:
        await lines_until(output, f"pakn.FeedbackAssigned.v1 {code}")
        await system.observer.wait("FeedbackAccepted", code=code, agency="gia-lai")


async def test_a_dead_letter_is_listed_and_replayed(system: System, run: Run) -> None:
    await system.post.portal("danang-1022", {"title": "x"}, "HS-1")
    (letter,) = await system.observer.wait(topic="dead.intake")
    origin = letter.headers["origin"]
    async with run("dead", "intake", origin) as output:
        assert (await output.read()).decode().startswith(f"{origin} invalid ")

    def again() -> list[object]:
        return [row for row in system.observer.found(topic="dead.intake") if row.headers["original-ce_id"] == "HS-1"][1:]

    await until(again, "the replayed record was handled again")
