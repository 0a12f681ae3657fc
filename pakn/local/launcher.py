"""Decides where Kafka and MongoDB come from and starts what is missing.

Addresses in the environment win. Otherwise a real Kafka (`kafka_process`) and a MongoDB or its stand-in (`mongo_process`) are
started as children of this process. Nothing else in the code knows which servers these are.
"""

import asyncio
import concurrent.futures
import contextlib
import os
import re
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from pakn.local import child_process, kafka_process, mongo_process

# A string is the address of a server that somebody else started.
Kafka = kafka_process.KafkaCluster | str
Mongo = mongo_process.MongoServer | str
TOOLS = kafka_process.PROJECT / ".tools"
_LOOK_SECONDS, _LONGEST_DELAY = 0.5, 30.0


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


class Servers:
    """Kafka and MongoDB for as long as the `with` block lasts; those that were not started here are left as they are."""

    def __init__(self, kafka: Kafka, mongo: Mongo, claim: contextlib.ExitStack, where: str) -> None:
        self._kafka, self._mongo, self._claim = kafka, mongo, claim
        self.kafka_bootstrap = kafka if isinstance(kafka, str) else kafka.bootstrap
        self.mongo_uri = mongo if isinstance(mongo, str) else mongo.uri
        self.description = f"{_describe_kafka(kafka)}; {_describe_mongo(mongo)}{where}"
        self._old_sigterm = _leave_by_exception_on_sigterm()

    @classmethod
    def start(
        cls,
        folder: Path,
        *,
        fresh: bool,
        kafka_nodes: int = 1,
        speed: bool = False,
        kafka_extra: Mapping[str, str] | None = None,
        kafka_port: int | None = None,
        mongo_port: int | None = None,
        environment: Mapping[str, str] = os.environ,
        say: Callable[[str], None] = _say,
    ) -> Self:
        """Returns when both servers answer.

        `folder` holds the data and logs of those started here; `fresh` empties it first, otherwise what a former run kept is
        there again. `kafka_nodes` is the number of brokers, `speed` leaves out what makes Kafka start early but run slower,
        `kafka_extra` adds to or replaces broker settings, `kafka_port` and `mongo_port` are the ports of 127.0.0.1 on which
        clients reach the servers (any free ones by default), `environment` is where addresses are looked up (an empty one
        always starts own servers), `say` gets a line when something takes longer than usual. Raises
        `child_process.CannotStart` with the reason and what to do.
        """
        kafka: Kafka = environment.get("PAKN_KAFKA__BOOTSTRAP", "")
        mongo: Mongo = environment.get("PAKN_MONGO__URI", "")
        if kafka and mongo:
            return cls(kafka, mongo, contextlib.ExitStack(), "")
        folder = folder.resolve()
        with contextlib.ExitStack() as undo:
            undo.enter_context(_claimed(folder))
            if fresh:
                _empty(folder)
            if not mongo:
                mongo = mongo_process.MongoServer(folder, mongo_process.find_program(TOOLS), mongo_port)
                undo.callback(mongo.stop)
            if not kafka:
                jars = kafka_process.fetch_jars(TOOLS, say)
                kafka = kafka_process.KafkaCluster(
                    folder, jars, nodes=kafka_nodes, speed=speed, extra=kafka_extra or {}, port=kafka_port
                )
                undo.callback(kafka.stop)
            with concurrent.futures.ThreadPoolExecutor(2) as together:
                list(together.map(lambda server: server.start(), [s for s in (kafka, mongo) if not isinstance(s, str)]))
            kept = undo.pop_all()
        return cls(kafka, mongo, kept, f"; data in {os.path.relpath(folder)}")

    def kill_kafka(self, node: int = 1) -> None:
        """Ends broker `node` as a power cut would."""
        self._own_kafka().kill(node)

    def restart_kafka(self, node: int = 1) -> None:
        """Starts broker `node` again on its port and data, and returns when it answers."""
        self._own_kafka().restart(node)

    def kill_mongo(self) -> None:
        """Ends the database server as a power cut would."""
        self._own_mongo().kill()

    def restart_mongo(self) -> None:
        """Starts the database server again on its port and data, and returns when it takes writes."""
        self._own_mongo().restart()

    @property
    def addresses(self) -> dict[str, str]:
        """The addresses of the servers that were started here, by the variable that names each to other commands."""
        found = {}
        if not isinstance(self._kafka, str):
            found["PAKN_KAFKA__BOOTSTRAP"] = self.kafka_bootstrap
        if not isinstance(self._mongo, str):
            found["PAKN_MONGO__URI"] = self.mongo_uri
        return found

    async def keep_running(self, say: Callable[[str], None]) -> None:
        """Start each server of ours that has ended again, on its port and data, until this is cancelled.

        `say` gets a line before and after. A start that fails is tried again after a pause that doubles, to 30 seconds at most.
        """
        delay = _LOOK_SECONDS
        while True:
            await asyncio.sleep(delay)
            try:
                for name, restart in self._ended():
                    say(f"{name} has ended; starting it again")
                    await asyncio.to_thread(restart)
                    say(f"{name} started again")
            except child_process.CannotStart as error:
                delay = min(delay * 2, _LONGEST_DELAY)
                say(f"{error}\nTrying again in {delay:g} s")
            else:
                delay = _LOOK_SECONDS

    def _ended(self) -> Iterator[tuple[str, Callable[[], None]]]:
        if not isinstance(self._mongo, str) and self._mongo.ended:
            yield self._mongo.kind, self._mongo.restart
        for node in () if isinstance(self._kafka, str) else self._kafka.ended():
            yield "Kafka", partial(self._own_kafka().restart, node)

    def stop(self) -> None:
        """Stops what was started here; the data stays. May be called twice."""
        with self._claim, concurrent.futures.ThreadPoolExecutor(2) as together:
            list(together.map(lambda server: server.stop(), [s for s in (self._kafka, self._mongo) if not isinstance(s, str)]))
        if self._old_sigterm is not None:
            signal.signal(signal.SIGTERM, self._old_sigterm)
            self._old_sigterm = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _own_kafka(self) -> kafka_process.KafkaCluster:
        if isinstance(self._kafka, str):
            raise RuntimeError("This Kafka was not started here: it is neither killed nor restarted.")
        return self._kafka

    def _own_mongo(self) -> mongo_process.MongoServer:
        if isinstance(self._mongo, str):
            raise RuntimeError("This MongoDB was not started here: it is neither killed nor restarted.")
        return self._mongo


def _describe_kafka(kafka: Kafka) -> str:
    if isinstance(kafka, str):
        return f"Kafka at {kafka} (PAKN_KAFKA__BOOTSTRAP)"
    version = kafka_process.locked_jars()["kafka_2.13"][0]
    return f"Apache Kafka {version} ({kafka.java_source}) started on {kafka.bootstrap}"


def _describe_mongo(mongo: Mongo) -> str:
    if isinstance(mongo, str):
        hosts = re.sub(r"^[^/]*//(?:[^@/]*@)?([^/?]*).*$", r"\1", mongo)  # The rest of the address may hold a password.
        return f"MongoDB at {hosts} (PAKN_MONGO__URI)"
    host = re.sub(r"^[^/]*//([^/?]*).*$", r"\1", mongo.uri)
    return f"{mongo.kind}{'' if mongo.kind == 'mongod' else ' (stands in for MongoDB, development only)'} started on {host}"


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


def _empty(folder: Path) -> None:
    """Removes what a launcher put there, and nothing else."""
    for old in [*folder.glob("kafka-*"), *folder.glob("mongo-*"), folder / "logs"]:
        shutil.rmtree(old, ignore_errors=True)


def _leave_by_exception_on_sigterm() -> Callable[[int, FrameType | None], object] | int | None:
    """Lets SIGTERM end the program through its `with` blocks. Somebody's own handler stays; returns what to put back, or None."""
    with contextlib.suppress(ValueError):  # Only the main thread may set handlers.
        if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            return signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    return None
