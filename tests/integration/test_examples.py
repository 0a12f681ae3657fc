"""The programs in docs/examples run as they stand: a portal posts and is answered, an agency acts, a dead letter is replayed."""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.support.outside_world import until
from tests.support.system import System

EXAMPLES = Path(__file__).resolve().parents[2] / "docs/examples"
FEEDBACK = str(EXAMPLES / "feedback.json")


class Examples:
    """Runs the programs, each in a process of its own in one folder, against the system of the test."""

    def __init__(self, system: System, folder: Path) -> None:
        address = {"KAFKA": system.settings.kafka.bootstrap, "NAMESPACE": system.settings.namespace, "PYTHONUNBUFFERED": "1"}
        self._folder, self._environment = folder, os.environ | address

    async def _start(self, name: str, *arguments: str) -> Process:
        command = (sys.executable, EXAMPLES / name, *arguments)
        return await asyncio.create_subprocess_exec(*command, cwd=self._folder, env=self._environment, stdout=PIPE, stderr=PIPE)

    async def finished(self, name: str, *arguments: str) -> str:
        """What a program prints that ends by itself."""
        process = await self._start(name, *arguments)
        printed, complaints = await asyncio.wait_for(process.communicate(), 60)
        assert (complaints.decode(), process.returncode) == ("", 0)
        return printed.decode()

    @contextlib.asynccontextmanager
    async def running(self, name: str, *arguments: str) -> AsyncIterator[asyncio.StreamReader]:
        """What a program prints as it runs; Ctrl-C ends it after the block, and it must say what it did and nothing else."""
        process = await self._start(name, *arguments)
        assert process.stdout is not None
        try:
            async with asyncio.timeout(60):
                yield process.stdout
                ending = asyncio.create_task(process.communicate())
                while not ending.done():
                    # The client library loses a cancellation now and then (Python 3.11); a person presses Ctrl-C again.
                    process.send_signal(signal.SIGINT)
                    await asyncio.wait([ending], timeout=10)
                printed, complaints = ending.result()
            assert printed.decode().splitlines()[-1].startswith("Stopped; ")
            assert (complaints.decode(), process.returncode) == ("", 0)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


@pytest.fixture
def examples(system: System, tmp_path: Path) -> Examples:
    return Examples(system, tmp_path)


async def lines_until(output: asyncio.StreamReader, word: str) -> list[str]:
    """What is printed up to the line that has `word`; fails when the program ends before."""
    found: list[str] = []
    while not found or word not in found[-1]:
        line = await output.readline()
        assert line, f"{word!r} was never printed, but {found}"
        found.append(line.decode())
    return found


async def test_a_portal_posts_and_reads_each_answer_once_and_an_agency_accepts(system: System, examples: Examples) -> None:
    """The portal's program once committed by itself, before its work: a crash lost answers."""
    portal = "gialai-dvc"
    assert (await examples.finished("post.py", portal, "HS-1", FEEDBACK)).startswith("HS-1 is in ")
    async with examples.running("answers.py", portal) as output:
        code = (await lines_until(output, "HS-1"))[-1].split()[1]
    # A repeated submission has the same answer, which the program knows by its id.
    for own_id in ("HS-1", "HS-2"):
        await examples.finished("post.py", portal, own_id, FEEDBACK)
    async with examples.running("answers.py", portal) as output:
        assert [line.split()[0] for line in await lines_until(output, "HS-2")] == ["HS-2"]
    async with examples.running("agency.py", "gia-lai") as output:
        await lines_until(output, f"pakn.FeedbackAssigned.v1 {code}")
        await system.observer.wait("FeedbackAccepted", code=code, agency="gia-lai")


async def test_a_letter_that_was_kept_is_shown(examples: Examples, tmp_path: Path) -> None:
    letter = EmailMessage()
    letter["To"], letter["Subject"] = "thu@example.org", "Đã tiếp nhận"
    letter.set_content("Mã tra cứu: PAKN.1\n")
    (tmp_path / "a.eml").write_bytes(letter.as_bytes())
    assert await examples.finished("letter.py", "a.eml") == "To: thu@example.org\nSubject: Đã tiếp nhận\n\nMã tra cứu: PAKN.1\n\n"


async def test_a_wrong_name_is_told_with_what_to_name(examples: Examples) -> None:
    """The programs waited for a topic that nobody makes, and said so eight times a second."""
    for name, *arguments in (("post.py", "gialai", "HS-1", FEEDBACK), ("answers.py", "gialai"), ("agency.py", "gialai")):
        process = await examples._start(name, *arguments)
        _, complaints = await asyncio.wait_for(process.communicate(), 30)
        assert process.returncode == 1
        assert "There is no topic" in complaints.decode().splitlines()[-1]
        process = await examples._start(name)
        _, complaints = await asyncio.wait_for(process.communicate(), 30)
        assert complaints.decode().count("python " + name) == 1


async def test_a_dead_letter_is_listed_and_posted_again(system: System, examples: Examples) -> None:
    await system.post.portal("danang-1022", {"title": "x"}, "HS-1")
    (letter,) = await system.observer.wait(topic="dead.intake")
    origin = letter.headers["origin"]
    said = await examples.finished("dead.py", "intake", origin)
    assert said.startswith(f"{origin} invalid ")
    assert said.endswith("dead letters of intake: 1, posted again: 1\n")

    def again() -> list[object]:
        return [row for row in system.observer.found(topic="dead.intake") if row.headers["original-ce_id"] == "HS-1"][1:]

    await until(again, "the replayed record was handled again")
