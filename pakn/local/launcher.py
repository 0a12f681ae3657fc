"""Decides where Kafka and MongoDB come from and starts what is missing.

Addresses in the environment win. Otherwise a real Kafka (`kafka_process`) and a MongoDB or its stand-in (`mongo_process`) are
started as children of this process. Nothing else in the code knows which servers these are.
"""

import asyncio
import concurrent.futures
import contextlib
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pakn.local import child_process, kafka_process, mongo_process
from pakn.logins import KafkaSettings, MongoSettings, mongo_hosts

# The settings that name the servers of somebody else.
KAFKA, MONGO = "PAKN_KAFKA__BOOTSTRAP", "PAKN_MONGO__URI"
_SERVERS = ("PAKN_KAFKA__", "PAKN_MONGO__")
TOOLS = kafka_process.PROJECT / ".tools"
_LOOK_SECONDS, _LONGEST_DELAY = 0.5, 30.0


class Servers:
    """Kafka and MongoDB. `own` are those that were started here, by the setting that names each to other commands."""

    def __init__(self, own: Mapping[str, child_process.ServerProcess], given: Mapping[str, str], where: str) -> None:
        self.own = own
        # How others reach both with all rights: those that were started here, and the others as the environment says.
        found = {name: value for name, value in given.items() if name.startswith(_SERVERS)}
        self.environment = found | {name: value for server in own.values() for name, value in server.environment.items()}
        self.kafka_bootstrap, self.mongo_uri = self.environment[KAFKA], self.environment[MONGO]
        hosts = mongo_hosts(self.mongo_uri)
        kafka = own[KAFKA].description if KAFKA in own else f"Kafka at {self.kafka_bootstrap} ({KAFKA})"
        self.description = f"{kafka}; {own[MONGO].description if MONGO in own else f'MongoDB at {hosts} ({MONGO})'}{where}"

    @classmethod
    @contextlib.contextmanager
    def start(
        cls,
        folder: Path,
        *,
        fresh: bool,
        speed: bool = False,
        kafka_port: int | None = None,
        mongo_port: int | None = None,
        environment: Mapping[str, str] = os.environ,
        say: Callable[[str], None] = lambda line: print(line, file=sys.stderr, flush=True),
    ) -> Iterator["Servers"]:
        """Both servers, once they answer, until the block ends; those that were not started here are left as they are.

        `folder` holds the data and logs of those started here; `fresh` empties it first, otherwise what a former run kept is
        there again. `speed` leaves out what makes Kafka start early but run slower, `kafka_port` and `mongo_port` are the
        ports of 127.0.0.1 on which clients reach the servers (any free ones by default), `environment` is where addresses are
        looked up (an empty one always starts own servers), `say` gets a line when something takes longer than usual. Raises
        `child_process.CannotStart` with the reason and what to do.
        """
        own: dict[str, child_process.ServerProcess] = {}
        if environment.get(KAFKA) and environment.get(MONGO):
            yield cls(own, environment, "")
            return
        folder = folder.resolve()
        with concurrent.futures.ThreadPoolExecutor(2) as together, contextlib.ExitStack() as undo:
            undo.enter_context(_claimed(folder))
            if fresh:
                # Only what a launcher put there.
                for old in [*folder.glob("kafka-*"), *folder.glob("mongo-*"), folder / "logs"]:
                    shutil.rmtree(old, ignore_errors=True)
            if not environment.get(MONGO):
                own[MONGO] = mongo_process.MongoServer(folder, mongo_process.find_program(TOOLS), mongo_port)
            if not environment.get(KAFKA):
                jars = kafka_process.fetch_jars(TOOLS, say)
                own[KAFKA] = kafka_process.KafkaServer(folder, jars, speed=speed, port=kafka_port)
            undo.callback(lambda: list(together.map(lambda server: server.stop(), own.values())))
            list(together.map(lambda server: server.start(), own.values()))
            undo.enter_context(_left_by_exception_on_sigterm())
            yield cls(own, environment, f"; data in {os.path.relpath(folder)}")

    def kafka(self, **more: Any) -> KafkaSettings:
        """Settings of a client of Kafka with all rights, changed by `more`."""
        return KafkaSettings.model_validate(self._found("PAKN_KAFKA__") | more)

    def mongo(self, **more: Any) -> MongoSettings:
        """Settings of a client of the database with all rights, changed by `more`."""
        return MongoSettings.model_validate(self._found("PAKN_MONGO__") | more)

    def _found(self, prefix: str) -> dict[str, Any]:
        return {name.removeprefix(prefix).lower(): value for name, value in self.environment.items() if name.startswith(prefix)}

    async def keep_running(self, say: Callable[[str], None]) -> None:
        """Start each server of ours that has ended again, on its port and data, until this is cancelled.

        `say` gets a line before and after. A start that fails is tried again after a pause that doubles, to 30 seconds at most.
        """
        delay = _LOOK_SECONDS
        while True:
            await asyncio.sleep(delay)
            try:
                for server in self.own.values():
                    if not server.alive:
                        say(f"{server.name} has ended; starting it again")
                        await asyncio.to_thread(server.restart)
                        say(f"{server.name} started again")
            except child_process.CannotStart as error:
                delay = min(delay * 2, _LONGEST_DELAY)
                say(f"{error}\nTrying again in {delay:g} s")
            else:
                delay = _LOOK_SECONDS


@contextlib.contextmanager
def _claimed(folder: Path) -> Iterator[None]:
    """Makes `folder` this launcher's own until the block ends or the process does. Raises `CannotStart` if another one holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "launcher.lock").open("ab") as lock:
        if sys.platform != "win32":
            import fcntl  # Not on Windows, where Kafka's and WiredTiger's own locks have to do.

            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise child_process.CannotStart(f"Another PAKN runs in {os.path.relpath(folder)}: stop it first.") from error
        yield


@contextlib.contextmanager
def _left_by_exception_on_sigterm() -> Iterator[None]:
    """Lets SIGTERM end the program through its `with` blocks. Somebody's own handler stays."""
    # Only the main thread may set handlers.
    ours = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if ours:
        signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        if ours:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
