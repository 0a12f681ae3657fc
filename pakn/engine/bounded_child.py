"""Runs a program on content that may be made to exhaust or to take over whoever reads it."""

import asyncio
import contextlib
import sys
from asyncio.subprocess import Process
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import Final, NamedTuple

from pakn.engine import bounded_program

_PIECE: Final = 64 * 1024


class Ended(NamedTuple):
    """What a child wrote until it ended. `status` is that of the process; none if it went beyond a bound and was ended.

    `is_late` says that this bound was the clock's: a busy machine may be the cause, where the processor's bound is the content's.
    """

    status: int | None
    output: bytes
    is_late: bool = False


@dataclass(frozen=True, slots=True)
class BoundedChild:
    """A Python file that reads standard input and writes standard output, and how much one run of it may take.

    `seconds` are the machine's from its start to its end, `cpu_seconds` those that it computes; `memory` is its address space
    and `output` what it may write, both in bytes. It runs isolated and at low priority, knows no variable of the environment,
    since the secrets of a service stand there, and finds no module of ours unless it is installed.
    """

    program: Path
    seconds: float
    cpu_seconds: int
    memory: int
    output: int

    async def run(self, given: Iterable[bytes], *arguments: str) -> Ended:
        """Run once with `given` as its input; the pieces are asked for as it reads them."""
        bounds = (bounded_program.__file__, str(self.memory), str(self.cpu_seconds))
        command = (sys.executable, "-I", *bounds, str(self.program), *arguments)
        written, is_late = bytearray(), False
        process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env={})
        feeding = asyncio.ensure_future(_feed(process, given))
        try:
            async with asyncio.timeout(self.seconds):
                is_whole = await self._drain(process, written)
                if is_whole:
                    await process.wait()
        except TimeoutError:
            is_whole, is_late = False, True
        finally:
            if process.returncode is None:
                process.kill()
            # Of a process that has ended nobody reads the pipe any more, so feeding it ends too.
            await asyncio.gather(process.wait(), feeding)
        return Ended(process.returncode if is_whole else None, bytes(written), is_late)

    async def _drain(self, process: Process, written: bytearray) -> bool:
        """Add to `written` what the process writes, until it closes its output; false if that is too much."""
        assert process.stdout is not None
        while piece := await process.stdout.read(_PIECE):
            if len(written) + len(piece) > self.output:
                return False
            written += piece
        return True


async def _feed(process: Process, given: Iterable[bytes]) -> None:
    """Write everything that the process reads, then close its input."""
    assert process.stdin is not None
    # A process that ends before it has read everything is no error here: its status tells.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError), contextlib.closing(process.stdin):
        for piece in given:
            process.stdin.write(piece)
            await process.stdin.drain()
