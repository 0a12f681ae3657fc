"""Files in GridFS by both drivers: written as they come, kept once, and removed where no feedback has them."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from gridfs import AsyncGridFSBucket
from motor.motor_asyncio import AsyncIOMotorGridFSBucket
from pymongo.asynchronous.database import AsyncDatabase

from pakn.engine import mongo
from services.intake.domain import whole_file
from services.intake.file_store import PIECE_BYTES, FileStore, Writing

NOW = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)
LARGE = bytes(range(256)) * 10_000


class Clock:
    now = NOW


@pytest.fixture
async def store(database: mongo.Database) -> FileStore:
    Clock.now = NOW
    made = FileStore(database, lambda: Clock.now)
    await made.prepare()
    return made


async def write(store: FileStore, file_id: str, content: bytes, feedback_id: str = "f1") -> Writing:
    """Write a file and leave it unfinished."""
    writing = Writing(store, file_id, "ảnh.png", feedback_id)
    for start in range(0, len(content), 60_000):
        await writing.write(content[start : start + 60_000])
    return writing


def bucket(database: mongo.Database) -> Any:
    """The driver's own reader of files."""
    return AsyncGridFSBucket(database) if isinstance(database, AsyncDatabase) else AsyncIOMotorGridFSBucket(database)


async def counts(database: mongo.Database) -> tuple[int, int]:
    """How many files there are, and how many pieces."""
    return await database["fs.files"].count_documents({}), await database["fs.chunks"].count_documents({})


async def test_a_file_is_in_the_database_before_its_end_has_come(database: mongo.Database, store: FileStore) -> None:
    """The driver's own stream holds up to 32 MB of each file before it writes a byte."""
    writing = await write(store, "a", LARGE)
    assert await counts(database) == (1, len(LARGE) // PIECE_BYTES)
    file = await writing.finish()
    assert (file.size, file.sha256, file.head) == (len(LARGE), hashlib.sha256(LARGE).hexdigest(), LARGE[: len(file.head)])
    assert await store.read("a") == LARGE
    assert await store.read("b") is None
    assert await (await bucket(database).open_download_stream("a")).read() == LARGE


async def test_a_file_that_is_given_up_or_discarded_leaves_nothing(database: mongo.Database, store: FileStore) -> None:
    writing = await write(store, "a", LARGE)
    writing.give_up()
    await writing.write(b"more")
    assert (await writing.finish()).size == len(LARGE) + 4
    await store.discard(["a", "never there"])
    assert await counts(database) == (0, 0)


async def test_a_file_inside_a_record_is_kept_once_and_whole_after_a_crash(database: mongo.Database, store: FileStore) -> None:
    """Pieces without an end once made the repeated submission skip the file, which was then never found."""
    file = whole_file("f1", 0, "ảnh.png", LARGE)
    await write(store, file.id, b"x" * 2 * PIECE_BYTES)
    for _ in range(2):
        await store.keep(file, "f1")
        assert await store.read(file.id) == LARGE
    assert await counts(database) == (1, len(LARGE) // PIECE_BYTES + 1)


async def test_a_sweep_removes_what_no_feedback_has_after_an_hour(database: mongo.Database, store: FileStore) -> None:
    """Files of refused requests, and those of processes that were killed, once stayed for ever."""
    await (await write(store, "claimed", b"a")).finish()
    await (await write(store, "another's", b"b", "f2")).finish()
    await (await write(store, "of nobody", b"c", "f3")).finish()
    await write(store, "unfinished", LARGE)
    await database["feedbacks"].insert_many(
        [{"_id": "f1", "attachments": [{"id": "claimed"}]}, {"_id": "f2", "attachments": [{"id": "claimed"}]}]
    )
    Clock.now = NOW + timedelta(minutes=59)
    assert await store.sweep() == 0
    await (await write(store, "new", b"d", "f3")).finish()
    Clock.now = NOW + timedelta(minutes=61)
    assert await store.sweep() == 3
    found = await database["fs.files"].find({}).sort("_id", 1).to_list(None)
    assert [(row["_id"], row["metadata"]["unclaimed"]) for row in found] == [("claimed", False), ("new", True)]
    assert await database["fs.chunks"].distinct("files_id") == ["claimed", "new"]


async def test_one_run_of_the_sweep_is_bounded(store: FileStore) -> None:
    for number in range(5):
        await (await write(store, str(number), b"a")).finish()
    Clock.now = NOW + timedelta(hours=2)
    assert [await store.sweep(limit=2) for _ in range(4)] == [2, 2, 1, 0]
