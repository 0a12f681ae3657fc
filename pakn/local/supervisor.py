"""Keeps child processes running: relays what they print, restarts one that dies, ends all of them together."""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from pakn.local import child_process

_LONGEST_LINE = 1 << 20  # bytes
_LONGEST_DELAY, _STEADY_AFTER = 30.0, 60.0


class Supervisor:
    """Runs `commands` by name: `start`, then `run_until_signal` or `stop`, all in one event loop."""

    def __init__(
        self,
        commands: Mapping[str, Sequence[str]],
        env: Mapping[str, str],
        *,
        own_env: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
        on_line: Callable[[str], None] = lambda line: print(line, flush=True),
        logs: Path | None = None,
        first_delay: float = 0.5,
        grace: float = 20,
    ) -> None:
        """`env` is added to this process's environment, and for each child what `own_env` has under its name.

        `on_line` gets each line, as `name | text`; with `logs` the children write to `NAME.log` in that folder instead and only
        the supervisor's own lines come through. A child that ends is started again after `first_delay` seconds, which double to
        half a minute and begin anew after a life of a minute; one that is asked to end is killed after `grace` seconds.
        """
        self._commands = {name: list(command) for name, command in commands.items()}
        common = {**os.environ, "PYTHONUNBUFFERED": "1", **env}
        self._env = {name: {**common, **own_env.get(name, {})} for name in commands}
        self._on_line, self._logs = on_line, logs
        if logs:
            logs.mkdir(parents=True, exist_ok=True)
        self._first_delay, self._grace = first_delay, grace
        self._width = max(map(len, self._commands), default=0)
        self._processes: dict[str, Process] = {}
        self._restarts = dict.fromkeys(self._commands, 0)
        self._keepers: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()

    def pid(self, name: str) -> int:
        """The process id of the child that runs as `name` now, or ran last."""
        return self._processes[name].pid

    def restarts(self, name: str) -> int:
        """How often `name` was started again."""
        return self._restarts[name]

    async def start(self) -> None:
        """Returns when every child has a process. Raises OSError when a program cannot be started at all."""
        try:
            for name in self._commands:
                await self._spawn(name)
                self._keepers.append(asyncio.create_task(self._keep(name)))
        except BaseException:
            # Also when it is cancelled half-way: a child that nobody watches would go on running.
            await self.stop()
            raise

    async def run_until_signal(self) -> None:
        """Returns after Ctrl-C or SIGTERM, when all children have ended. A second signal kills them without waiting."""
        loop, asked = asyncio.get_running_loop(), asyncio.Event()

        def on_signal() -> None:
            if asked.is_set():
                for process in self._running():
                    process.kill()
            asked.set()

        signals = (signal.SIGINT, signal.SIGTERM)
        for number in signals:
            with contextlib.suppress(NotImplementedError):  # Windows: there Ctrl-C cancels this coroutine.
                loop.add_signal_handler(number, on_signal)
        self._say(f"{', '.join(self._commands)} run until Ctrl-C or SIGTERM")
        try:
            await asked.wait()
            self._say(f"stopping {', '.join(self._commands)}")
        finally:
            await self.stop()
            for number in signals:
                with contextlib.suppress(NotImplementedError):
                    loop.remove_signal_handler(number)

    async def stop(self) -> None:
        """Asks all children to end, kills after the grace those that do not, and returns when none is left."""
        self._stopping.set()
        for process in self._running():
            process.terminate()
        if self._keepers:
            _, late = await asyncio.wait(self._keepers, timeout=self._grace)
            if late:
                self._say(f"killing those that did not end within {self._grace:g} s")
                for process in self._running():
                    process.kill()
            await asyncio.gather(*self._keepers)
            self._keepers.clear()

    def _running(self) -> list[Process]:
        return [process for process in self._processes.values() if process.returncode is None]

    async def _spawn(self, name: str) -> None:
        with (self._logs / f"{name}.log").open("ab") if self._logs else contextlib.nullcontext(PIPE) as output:
            self._processes[name] = await asyncio.create_subprocess_exec(
                *self._commands[name],
                env=self._env[name],
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=STDOUT,
                limit=_LONGEST_LINE,
                start_new_session=True,  # Ctrl-C reaches this process only, which then ends the children in order.
                preexec_fn=child_process.die_with_parent if sys.platform == "linux" else None,
            )

    async def _keep(self, name: str) -> None:
        """Relays and restarts one child until the supervisor stops."""
        loop, delay = asyncio.get_running_loop(), self._first_delay
        while True:
            born, process = loop.time(), self._processes[name]
            relay = asyncio.create_task(self._relay(name, process.stdout))
            code = await process.wait()
            # What a grandchild still holds open must not keep its parent from being restarted.
            await asyncio.wait([relay], timeout=1)
            relay.cancel()
            if self._stopping.is_set():
                return
            if loop.time() - born >= _STEADY_AFTER:
                delay = self._first_delay
            while True:
                self._say(f"{name} (process {process.pid}) ended with status {code}; starting it again in {delay:g} s")
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), delay)
                    return
                delay = min(delay * 2, _LONGEST_DELAY)
                try:
                    await self._spawn(name)
                    break
                except OSError as error:
                    self._say(f"{name} cannot be started: {error}")
            self._restarts[name] += 1
            self._say(f"{name} started again (process {self.pid(name)})")
            if self._stopping.is_set():  # The order to stop came while it was being started and did not reach it.
                self._processes[name].terminate()

    async def _relay(self, name: str, stream: asyncio.StreamReader | None) -> None:
        while stream is not None:
            try:
                line = await stream.readline()
            except ValueError:
                self._say(f"a line of {name} longer than {_LONGEST_LINE} bytes was left out")
                continue
            if not line:
                return
            self._on_line(f"{name:{self._width}} | {line.decode(errors='replace').rstrip()}")

    def _say(self, text: str) -> None:
        self._on_line(f"supervisor | {text}")
