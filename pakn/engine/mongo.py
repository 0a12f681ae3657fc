"""The one file that makes a database client. Stores use only what PyMongo's async driver and Motor both offer.

Reads that decide use the majority read concern and writes wait for a majority and the journal, so that nothing that a
decision stood on can roll back.
"""

import asyncio
import sys
from collections.abc import AsyncGenerator, Awaitable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import pymongo.lock
from pymongo import AsyncMongoClient
from pymongo.errors import BulkWriteError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from pakn.logins import MongoSettings
from pakn.settings import Settings
from schemas.topics import ServiceName

# Documents are plain dictionaries at this edge; each store turns them into its domain's types.
Document = dict[str, Any]
Database = Any
Collection = Any
Client = Any
T = TypeVar("T")
_DUPLICATE_KEY = 11000
# The loop itself holds no task.
_going_on: Final[set[asyncio.Future[Any]]] = set()
# The operations whose caller has given up, the oldest first.
_left: Final[dict[asyncio.Future[Any], None]] = {}
MOST_LEFT: Final = 1000
"""So many operations go on that nobody waits for. While the database is away they do not end, and requests bring more of them."""


async def _wait_inside(waiting: Coroutine[Any, Any, T], seconds: float | None) -> T:
    """`asyncio.wait_for` as Python 3.12 has it, without a task of its own."""
    async with asyncio.timeout(seconds):
        return await waiting


# Before Python 3.12 the driver waits for a free connection in a second task, which may be left behind, and then takes the lock
# of the pool for ever: whoever is cancelled just after his wait has timed out locks all others out, and itself too.
if sys.version_info < (3, 12):
    pymongo.lock.wait_for = _wait_inside  # type: ignore[attr-defined,assignment]


async def whole(operation: Awaitable[T], seconds: float | None = None) -> T:
    """The result of an operation, which goes on to its own end where its caller is cancelled or `seconds` are over.

    The driver closes the connection of an operation that is cancelled. Hundreds of them at once leave nobody a connection.
    Above `MOST_LEFT` operations that nobody waits for, the oldest is cancelled, one for each that comes. Raises TimeoutError.
    """
    going_on = asyncio.ensure_future(operation)
    _going_on.add(going_on)
    going_on.add_done_callback(_ended)
    # In two halves: a busy process may find the answer and the end of a wait at the same moment, and the answer is worth more.
    try:
        for _ in range(2):
            await asyncio.wait({going_on}, timeout=seconds and seconds / 2)
    finally:
        if not going_on.done():
            _leave(going_on)
    if not going_on.done():
        raise TimeoutError
    return going_on.result()


def _leave(operation: asyncio.Future[Any]) -> None:
    _left[operation] = None
    if len(_left) > MOST_LEFT:
        oldest = next(iter(_left))
        del _left[oldest]
        oldest.cancel()


def _ended(operation: asyncio.Future[Any]) -> None:
    _going_on.discard(operation)
    _left.pop(operation, None)
    if not operation.cancelled():
        # What nobody waits for any more is not to be logged as an error that nobody looked at.
        operation.exception()


def make_client(settings: MongoSettings, seconds: float | None = None) -> Client:
    """A client of the chosen driver; it connects at its first use. Times come back with UTC as their zone.

    `seconds`: what each operation may take with all its repetitions. Without it an operation waits for a server that does
    not answer, which only work that nobody waits for may do.
    """
    options: dict[str, Any] = {"tz_aware": True, "uuidRepresentation": "standard"}
    options |= {"serverSelectionTimeoutMS": 5000, "connectTimeoutMS": 5000}
    if seconds is not None:
        options["timeoutMS"] = int(seconds * 1000)
    if settings.username and settings.password:
        options |= {"username": settings.username, "password": settings.password.get_secret_value()}
    uri = settings.uri.get_secret_value()
    if settings.driver == "motor":
        # Imported only here, so that a deployment on the default driver never loads the one past its end of life.
        from motor.motor_asyncio import AsyncIOMotorClient

        return AsyncIOMotorClient(uri, **options)
    return AsyncMongoClient(uri, **options)


def database_name(namespace: str, service: str) -> str:
    """The name of the database that belongs to `service`."""
    return f"{namespace}_{service}"


def database(client: Client, namespace: str, service: ServiceName) -> Database:
    """The database that `service` alone reads and writes."""
    return client.get_database(
        database_name(namespace, service), read_concern=ReadConcern("majority"), write_concern=WriteConcern(w="majority", j=True)
    )


@asynccontextmanager
async def opened(settings: Settings, service: ServiceName) -> AsyncGenerator[Database, None]:
    """The database of `service`, for a command; its client is closed at the end of the block."""
    client = make_client(settings.mongo)
    try:
        yield database(client, settings.namespace, service)
    finally:
        await close(client)


def duplicates(error: BulkWriteError) -> list[int]:
    """The positions of the writes that failed because their key exists. Raises `error` again when anything else failed.

    A failed write concern comes without a single failed write: what was written could still roll back.
    """
    details = error.details or {}
    faults = details.get("writeErrors", [])
    if details.get("writeConcernErrors") or any(fault["code"] != _DUPLICATE_KEY for fault in faults):
        raise error
    return [fault["index"] for fault in faults]


async def close(client: Client) -> None:
    """Close a client of either driver: PyMongo's `close` is awaited, Motor's is not."""
    closing = client.close()
    if closing is not None:
        await closing
