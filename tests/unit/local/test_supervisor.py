"""The supervisor's promises, on children that are one line of Python each."""

import asyncio
import os
import select
import signal
import sys
from collections.abc import Callable

import pytest

from pakn.local import supervisor

SECONDS = 20
STEADY = "print('up', flush=True); import signal; signal.pause()"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); signal.pause()"


class Lines:
    """What a supervisor says, to be waited for."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self.seen: list[str] = []

    def __call__(self, line: str) -> None:
        self.seen.append(line)
        self._queue.put_nowait(line)

    async def until(self, wanted: Callable[[str], bool]) -> str:
        async with asyncio.timeout(SECONDS):
            while not wanted(line := await self._queue.get()):
                pass
        return line


def supervise(lines: Lines, grace: float = SECONDS, **programs: str) -> supervisor.Supervisor:
    commands = {name: [sys.executable, "-c", program] for name, program in programs.items()}
    return supervisor.Supervisor(commands, {"GREETING": "xin chào"}, on_line=lines, first_delay=0.01, grace=grace)


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


async def test_a_killed_child_is_started_again_and_the_others_are_left_alone() -> None:
    lines = Lines()
    children = supervise(lines, one=STEADY, other=STEADY)
    await children.start()
    try:
        await lines.until(lambda line: line.startswith("one") and line.endswith("| up"))
        first, other = children.pid("one"), children.pid("other")
        os.kill(first, signal.SIGKILL)
        said = await lines.until(lambda line: "ended with status -9" in line)
        assert said.startswith(f"supervisor | one (process {first})")
        await lines.until(lambda line: line.startswith("one") and line.endswith("| up"))
        assert children.pid("one") != first
        assert (children.restarts("one"), children.restarts("other")) == (1, 0)
        assert children.pid("other") == other
    finally:
        await children.stop()
    assert is_gone(children.pid("one"))
    assert is_gone(other)


async def test_a_child_that_dies_at_once_is_started_again_ever_more_slowly() -> None:
    lines = Lines()
    children = supervise(lines, broken="raise SystemExit(3)")
    await children.start()
    try:
        for delay in ("0.01", "0.02", "0.04"):
            said = await lines.until(lambda line: "ended with status 3" in line)
            assert said.endswith(f"starting it again in {delay} s")
    finally:
        await children.stop()


async def test_each_line_bears_its_childs_name_and_the_child_gets_the_environment() -> None:
    lines = Lines()
    children = supervise(lines, a="import os; print(os.environ['GREETING'])", longer=STEADY)
    await children.start()
    try:
        await lines.until(lambda line: line == "a      | xin chào")
    finally:
        await children.stop()


async def test_a_child_that_ignores_sigterm_is_killed_after_the_grace() -> None:
    """One service that hangs must not keep the whole machine from stopping."""
    lines = Lines()
    children = supervise(lines, grace=0.2, deaf=DEAF)
    await children.start()
    await lines.until(lambda line: line.endswith("| up"))
    async with asyncio.timeout(SECONDS):
        await children.stop()
    assert is_gone(children.pid("deaf"))
    assert any("killing" in line for line in lines.seen)
    assert children.restarts("deaf") == 0


async def test_a_program_that_is_not_there_is_reported_at_once_and_nothing_is_left_running() -> None:
    lines = Lines()
    children = supervisor.Supervisor({"good": [sys.executable, "-c", STEADY], "absent": ["no-such-program"]}, {}, on_line=lines)
    with pytest.raises(FileNotFoundError):
        await children.start()
    assert is_gone(children.pid("good"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_all_children_and_then_the_run(number: signal.Signals) -> None:
    lines = Lines()
    children = supervise(lines, one=STEADY, other=STEADY)
    await children.start()
    run = asyncio.create_task(children.run_until_signal())
    await lines.until(lambda line: "until Ctrl-C or SIGTERM" in line)  # From here on a signal is the supervisor's.
    os.kill(os.getpid(), number)
    async with asyncio.timeout(SECONDS):
        await run
    assert all(is_gone(children.pid(name)) for name in ("one", "other"))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no parent-death signal")
async def test_children_die_with_a_supervisor_that_is_killed() -> None:
    """A supervisor that was killed left its services behind, still consuming."""
    program = (
        "import asyncio, sys; from pakn.local import supervisor\n"
        "async def main():\n"
        f"    children = supervisor.Supervisor({{'one': [sys.executable, '-c', {STEADY!r}]}}, {{}})\n"
        "    await children.start(); print('pid', children.pid('one'), flush=True); await children.run_until_signal()\n"
        "asyncio.run(main())"
    )
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    async with asyncio.timeout(SECONDS):
        while not (line := await parent.stdout.readline()).startswith(b"pid"):
            pass
    child = int(line.split()[1])
    handle = os.pidfd_open(child)  # Readable once the process has ended, whoever reaps it.
    parent.kill()
    ended, _, _ = await asyncio.to_thread(select.select, [handle], [], [], SECONDS)
    os.close(handle)
    assert ended == [handle]
    await parent.wait()
