"""A program on hostile content takes what it is given and no more, and what it wrote until then is kept."""

import asyncio
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pakn.engine.bounded_child import BoundedChild, Ended

ECHO = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())"


@pytest.fixture
def child(tmp_path: Path) -> BoundedChild:
    return BoundedChild(tmp_path / "program.py", 20, 5, 512 * 1024 * 1024, 4_000_000)


async def ended(child: BoundedChild, program: str, *given: bytes, arguments: tuple[str, ...] = ()) -> Ended:
    child.program.write_text(program)
    return await child.run(given, *arguments)


async def run(child: BoundedChild, program: str, *given: bytes, arguments: tuple[str, ...] = ()) -> tuple[int | None, bytes]:
    """The status and the output of a run."""
    return (await ended(child, program, *given, arguments=arguments))[:2]


async def test_a_program_gets_its_input_and_its_arguments_and_gives_its_output_and_status(child: BoundedChild) -> None:
    assert await run(child, ECHO, b"a" * 1_000_000, b"b" * 1_000_000) == (0, b"a" * 1_000_000 + b"b" * 1_000_000)
    assert await run(child, "import sys; print(*sys.argv[1:]); sys.exit(4)", arguments=("x", "y")) == (4, b"x y\n")


async def test_a_program_that_takes_too_long_is_ended_and_what_it_wrote_is_kept(child: BoundedChild) -> None:
    impatient = replace(child, seconds=1)
    assert await run(impatient, "import time; print('a', flush=True); time.sleep(60)", bytes(1_000_000)) == (None, b"a\n")


@pytest.mark.parametrize(
    ("program", "seconds", "is_late"),
    [
        ("import time; time.sleep(60)", 0.5, True),
        ("while True: print('a' * 100_000)", 60, False),
        ("import sys; sys.exit(3)", 60, False),
    ],
    ids=["in no time", "too much output", "its own end"],
)
async def test_an_end_by_the_clock_is_told_from_every_other(
    child: BoundedChild, program: str, seconds: float, is_late: bool
) -> None:
    """A busy machine, on which a good photo took long, looked like a photo that cannot be read."""
    assert (await ended(replace(child, seconds=seconds), program)).is_late is is_late


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such bounds")
@pytest.mark.parametrize("program", ["while True: pass", "b'a' * 600_000_000"], ids=["computes", "takes memory"])
async def test_a_program_that_takes_too_much_of_the_machine_ends(child: BoundedChild, program: str) -> None:
    status, output = await run(replace(child, cpu_seconds=1, seconds=120), f"print('a', flush=True)\n{program}")
    assert status
    assert output == b"a\n"


async def test_a_program_that_writes_without_end_is_ended(child: BoundedChild) -> None:
    """All that it wrote was kept in memory once, for as long as it ran."""
    status, output = await run(child, "while True: print('a' * 100_000)")
    assert status is None
    assert 3_900_000 < len(output) <= 4_000_000


async def test_a_program_that_reads_nothing_and_ends_is_no_error(child: BoundedChild) -> None:
    assert await run(child, "import sys; sys.exit(7)", *[bytes(100_000)] * 50) == (7, b"")


async def test_a_program_knows_no_secret_and_finds_no_file_beside_it(child: BoundedChild, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAKN_INTAKE__SECRET_KEY", "secret")
    (child.program.parent / "struct.py").write_text("raise SystemExit(9)")
    status, output = await run(child, "import os, struct; print([name for name in os.environ if name != 'LC_CTYPE'])")
    assert (status, output) == (0, b"[]\n")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such priority")
async def test_a_program_lets_others_go_first(child: BoundedChild) -> None:
    assert await run(child, "import os; print(os.nice(0))") == (0, f"{min(os.nice(0) + 10, 19)}\n".encode())


async def test_a_program_ends_with_whoever_waits_for_it(child: BoundedChild, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    running = asyncio.ensure_future(
        run(child, f"f = open({str(tmp_path / 'pipe')!r}, 'w'); f.write('a'); f.flush()\nwhile 1: pass")
    )
    with await asyncio.to_thread((tmp_path / "pipe").open) as pipe:
        assert await asyncio.to_thread(pipe.read, 1) == "a"
        running.cancel()
        # The other end of the pipe is closed when the process has ended.
        assert await asyncio.to_thread(pipe.read) == ""
    with pytest.raises(asyncio.CancelledError):
        await running
