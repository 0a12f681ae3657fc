"""Whether the database and Kafka answer: asked every few seconds, logged once at a loss and once at the return.

What fails because a server is away asks here first, and says nothing of its own: its lines would bury the one that counts.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from aiokafka.errors import KafkaError
from faststream.exceptions import FastStreamException
from pymongo.errors import ConnectionFailure, PyMongoError

from pakn import logs, metrics
from pakn.engine import kafka_ping, mongo
from pakn.errors import TryAgain, describe
from pakn.logins import mongo_hosts
from pakn.settings import Settings

log = logs.logger(__name__)
ServerName = Literal["mongodb", "kafka"]
SERVER_ERRORS = (PyMongoError, KafkaError, FastStreamException, OSError)
"""What a server that is away, or that refuses, raises through its client library."""
# What a person calls them, in the names of log lines.
_CALLED = {"mongodb": "database", "kafka": "kafka"}
_LIBRARIES = {"mongodb": "pymongo", "kafka": "aiokafka"}
_LOOK_SECONDS, _LOOK_AGAIN_SECONDS = 2.0, 0.5
# How long after a server's return something may still wait for what could not be read meanwhile.
_CATCHING_UP_SECONDS = 30.0
Ping = Callable[[], Awaitable[Any]]
# `Reachability.explains`
Explains = Callable[[BaseException | None], Awaitable[bool]]


def is_away(error: BaseException) -> bool:
    """Whether this error of a client library means that its server did not answer, rather than that it refused."""
    if isinstance(error, PyMongoError):
        # A server that shuts down or has lost its majority refuses what it would take again elsewhere.
        return isinstance(error, ConnectionFailure) or error.timeout or error.has_error_label("RetryableWriteError")
    return isinstance(error, KafkaError | FastStreamException)


class Server:
    """One server: `up` is none until it was asked for the first time. `address` holds no password."""

    def __init__(self, name: ServerName, address: str, ping: Ping, seconds: float) -> None:
        """`ping` raises when the server does not answer; `seconds` are what an answer may take."""
        self.name: ServerName = name
        self.address = address
        self.up: bool | None = None
        self._ping = ping
        self._seconds = seconds
        self._since = time.monotonic()
        self._returned: float | None = None

    @property
    def returned_lately(self) -> bool:
        """Whether it was away until a short while ago."""
        return self._returned is not None and time.monotonic() - self._returned < _CATCHING_UP_SECONDS

    async def look(self) -> None:
        """Ask the server, and log a change."""
        try:
            async with asyncio.timeout(self._seconds):
                await self._ping()
        except SERVER_ERRORS as error:
            self._note(False, describe(error))
        else:
            self._note(True)

    def _note(self, up: bool, error: str = "") -> None:
        metrics.server_up.labels(self.name).set(up)
        before, self.up = self.up, up
        if up == before:
            return
        logs.hush(_LIBRARIES[self.name], not up)
        called = _CALLED[self.name]
        if not up:
            log.error(f"{called}_away", server=self.name, address=self.address, error=error)
        elif before is False:
            seconds = round(time.monotonic() - self._since, 1)
            log.warning(f"{called}_back", server=self.name, address=self.address, after_seconds=seconds)
            self._returned = time.monotonic()
        self._since = time.monotonic()


class Reachability:
    """The servers of a process. `run` is to run from its first moment on."""

    def __init__(self, settings: Settings, client: mongo.Client) -> None:
        """The database of `client`, which is to have bounded times, and Kafka; connects to nothing."""
        seconds = settings.mongo.answer_seconds
        asking = kafka_ping.Ping(settings.kafka, seconds / 2, self.look_soon)

        async def ping() -> None:
            await mongo.whole(client.admin.command("ping"))

        # The client ends a question by itself; the bound here is for what it does beside it.
        database = Server("mongodb", mongo_hosts(settings.mongo.uri.get_secret_value()), ping, seconds + 1)
        servers = (database, Server("kafka", settings.kafka.bootstrap, asking.ask, seconds))
        self.close = asking.close
        self._servers = {server.name: server for server in servers}
        self._looking = asyncio.Lock()
        self._suspected = asyncio.Event()
        self._suspicion: BaseException | None = None
        self._looks = 0

    def is_up(self, name: ServerName) -> bool:
        """Whether this server answered when it was asked last."""
        return self._servers[name].up is True

    @property
    def away(self) -> list[ServerName]:
        """The servers that did not answer when they were asked last."""
        return [name for name, server in self._servers.items() if server.up is False]

    async def look(self) -> None:
        """Ask all servers now. Who comes while they are being asked waits for the next look, which is shared."""
        wanted = self._looks + 1 + self._looking.locked()
        async with self._looking:
            if self._looks >= wanted:
                return
            await asyncio.gather(*(server.look() for server in self._servers.values()))
            self._looks += 1

    async def explains(self, error: BaseException | None) -> bool:
        """Whether this failure comes of a server that is away, whose loss is logged by now.

        For a while after a return that holds too: of what was asked before it, and of a turn that waits for what is read again.
        """
        if not isinstance(error, (*SERVER_ERRORS, TryAgain)):
            return False
        if not self.away:
            await self.look()
        is_of_before = isinstance(error, TryAgain) or is_away(error)
        return bool(self.away) or (is_of_before and any(server.returned_lately for server in self._servers.values()))

    def suspect(self, error: BaseException) -> None:
        """Let the servers be asked within a second: this error may mean that one is away."""
        self._suspicion = error
        self.look_soon()

    def look_soon(self) -> None:
        """Let the servers be asked within a second."""
        self._suspected.set()

    async def run(self) -> None:
        """Ask again and again, for ever."""
        while True:
            self._suspected.clear()
            suspicion, self._suspicion = self._suspicion, None
            await self.look()
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
            if self.away:
                # What failed meanwhile is explained.
                self._suspicion = None
                continue
            if suspicion is not None:
                log.warning("server_not_answering", error=describe(suspicion))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._suspected.wait(), _LOOK_SECONDS)
