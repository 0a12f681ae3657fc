"""A server that runs as a child of this process: its log, its readiness, its end; and which ports are free."""

import abc
import atexit
import contextlib
import ctypes
import errno
import os
import random
import signal
import socket
import subprocess
import sys
import time
import weakref
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

# Ports below the range from which systems take the source ports of outgoing connections. Inside that range a client that keeps
# knocking at a killed server's port can be given this very port as its source, connects to itself and blocks the restart.
_PORTS = range(20000, 32000)
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
# Linux sends the parent-death signal when the *thread* that started the child ends. All children are therefore started
# from one thread that lives as long as the process, whichever thread or event loop asks for them.
_SPAWNER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")


class CannotStart(Exception):
    """A server did not come up. The text says what to do and shows the end of its log."""


def run(
    command: Sequence[str], seconds: float, cwd: Path | None = None, waiting: Callable[[], None] | None = None, every: float = 5.0
) -> subprocess.CompletedProcess[str]:
    """Run a tool to its end, whatever its status; `waiting` is called each `every` seconds until then.

    Raises CannotStart when it takes longer than `seconds`.
    """
    ends = time.monotonic() + seconds
    # In a session of its own: Ctrl-C ends this process, which then ends the tool, and not the tool alone.
    with subprocess.Popen(
        command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as child:
        try:
            while (left := ends - time.monotonic()) > 0:
                # What the tool has said until a timeout is not lost: the next call returns it too.
                with contextlib.suppress(subprocess.TimeoutExpired):
                    out, err = child.communicate(timeout=min(left, every) if waiting else left)
                    return subprocess.CompletedProcess(command, child.returncode, out, err)
                if waiting:
                    waiting()
        finally:
            child.kill()
    raise CannotStart(f"{' '.join(command)[:200]} did not end within {seconds:g} s.")


class PortTaken(CannotStart):
    """Somebody took the chosen port first: choose others and start once more."""


def die_with_parent() -> None:
    """Runs in a child before it becomes its program: on Linux the kernel kills it when its parent is gone, even by kill -9."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that are free now, each a different one; another process may still be faster (`PortTaken`)."""
    with contextlib.ExitStack() as held:
        found: list[int] = []
        for port in random.sample(_PORTS, len(_PORTS)):
            probe = held.enter_context(socket.socket())
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            found.append(port)
            if len(found) == count:
                return found
    raise CannotStart(f"No {count} free ports between {_PORTS.start} and {_PORTS.stop} on 127.0.0.1.")


def require_free(ports: Mapping[str, Mapping[str, int]]) -> None:
    """Raises CannotStart that names each port of 127.0.0.1 that cannot be had, by the setting that names another one.

    `ports` has, by setting, the port of each server or service.
    """
    faults: dict[str, list[str]] = defaultdict(list)
    with contextlib.ExitStack() as held:
        for setting, wanted in ports.items():
            for name, port in wanted.items():
                probe = held.enter_context(socket.socket())
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                    probe.listen()  # Otherwise two of these ports could be the same one.
                except (OSError, OverflowError) as error:
                    reason = "" if getattr(error, "errno", None) == errno.EADDRINUSE else f": {error}"
                    faults[setting].append(f"{port} ({name}{reason})")
    if faults:
        lines = [f"  {setting}: {', '.join(taken)}" for setting, taken in faults.items()]
        raise CannotStart("\n".join(["These ports are taken. Does PAKN run already? Otherwise set other ones by", *lines]))


class ServerProcess(abc.ABC):
    """One server of 127.0.0.1: `start` it, then `stop` or `kill` it; `restart` starts it again on its port and data."""

    ready_seconds: ClassVar[float]

    def __init__(self, name: str, log: Path) -> None:
        self.name = name
        self.log = log
        self._command: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None
        # A program that ends without calling stop() leaves nothing behind, also where the kernel does not see to it.
        atexit.register(_kill_if_alive, weakref.ref(self))

    @property
    @abc.abstractmethod
    def address(self) -> str:
        """Where clients reach the server that was started last."""

    @property
    @abc.abstractmethod
    def environment(self) -> dict[str, str]:
        """The variables by which PAKN reaches the server that was started last, with all rights."""

    @property
    def secret_files(self) -> Mapping[str, Path]:
        """Where the values of `environment` are kept that are to be shown to nobody."""
        return {}

    @property
    @abc.abstractmethod
    def description(self) -> str:
        """Which server this is, for people."""

    @abc.abstractmethod
    def prepare(self) -> list[str]:
        """Choose the ports and make what the server needs on disk. Returns its command; raises `CannotStart`."""

    @abc.abstractmethod
    def answers(self) -> bool:
        """Whether the server does what it is there for."""

    def start(self) -> None:
        """Returns when the server answers. Raises `CannotStart`; a port clash is tried once more with other ports."""
        self._command = self.prepare()
        try:
            self.restart()
        except PortTaken:
            self._command = self.prepare()
            self.restart()

    def restart(self) -> None:
        """Starts the server again on its port and data, and returns when it answers. Raises `CannotStart`."""
        self.stop()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            process = self._process = _SPAWNER.submit(
                subprocess.Popen,
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in the terminal reaches the services and not the servers.
                preexec_fn=die_with_parent if _LIBC is not None else None,
            ).result()
        deadline = time.monotonic() + self.ready_seconds
        while not self.answers():
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = process.wait(0.05)  # The pause between two questions ends at once when the program does.
                raise self._failure(f"ended with status {code} before it was ready")
            if time.monotonic() > deadline:
                raise self._failure(f"was not ready within {self.ready_seconds:g} s (is the machine overloaded?)")

    @property
    def alive(self) -> bool:
        """Whether the program was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """Ends the program with no warning, as a power cut would, and returns when it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self, seconds: float = 10) -> None:
        """Asks the program to end and kills it after `seconds`; its data stays. Does nothing to one that is not running."""
        if self._process is not None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
            self.kill()

    def _failure(self, what: str) -> CannotStart:
        lines = self.log.read_text(errors="replace").splitlines()[-15:]
        text = "\n".join([f"{self.name} {what}. The end of its log, {os.path.relpath(self.log)}:", *lines])
        clash = any("in use" in line.lower() for line in lines)
        return PortTaken(text) if clash else CannotStart(text)


def _kill_if_alive(reference: "weakref.ref[ServerProcess]") -> None:
    server = reference()
    if server is not None:
        server.kill()
