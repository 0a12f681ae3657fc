"""One process of the bare floor: does what one process of the engine did, with plain aiokafka and PyMongo and none of our code.

Run as `python -m tests.bench.replay FILE OLD NEW BOOTSTRAP URI`: it prints `ready`, waits for a line, and prints `done` at the
end. Commands become the driver's own calls before the clock starts. An operation begins when all that had ended before it began
in the recording has ended, so as much runs at once as in the engine; reading from Kafka waits for nothing, in batches of the
recorded mean size.
"""

import asyncio
import contextlib
import itertools
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

import bson
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError
from bson.codec_options import CodecOptions
from pymongo import AsyncMongoClient, ReplaceOne, UpdateMany, UpdateOne
from pymongo.errors import OperationFailure
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from pakn.engine import mongo
from pakn.engine.kafka_login import client_options
from pakn.settings import Settings

_MAX_BYTES = 8 * 1024 * 1024
_READ_WAIT_MS = 20
Call = Callable[[], Awaitable[Any]]
Operations = list[dict[str, Any]]


class Step(NamedTuple):
    """Something to do: it began and ended at these moments of the recording."""

    begin: int
    end: int
    call: Call


def sending(operations: Operations, producer: AIOKafkaProducer, rename: Callable[[str], str]) -> list[Step]:
    """Records that were sent one after the other, with nothing in between, are one step."""
    sends = enumerate(row for row in operations if row["kind"] == "send")
    groups = itertools.groupby(sends, lambda numbered: numbered[1]["begin"] - numbered[0])
    return [_send([row for _, row in group], producer, rename) for _, group in groups]


def _send(rows: Operations, producer: AIOKafkaProducer, rename: Callable[[str], str]) -> Step:
    records = [(rename(row["topic"]), row["value"], row["key"], [tuple(line) for line in row["headers"]]) for row in rows]

    async def send() -> None:
        waiting = [await producer.send(topic, value, key=key, headers=headers) for topic, value, key, headers in records]
        await asyncio.gather(*waiting)

    return Step(rows[0]["begin"], max(row["end"] for row in rows), send)


def commanding(operations: Operations, database: Callable[[str], Any]) -> tuple[list[Call], list[Step]]:
    """Indexes to make before the clock starts, and the other commands."""
    indexes, steps = [], []
    for row in operations:
        if row["kind"] == "command":
            command: dict[str, Any] = bson.decode(row["command"], CodecOptions(tz_aware=True))
            call = _command(database(row["database"]), command)
            if "createIndexes" in command:
                indexes.append(call)
            else:
                steps.append(Step(row["begin"], row["end"], call))
    return indexes, steps


def _update(row: dict[str, Any]) -> ReplaceOne[Any] | UpdateMany | UpdateOne:
    """The driver's name for one update of a command: what has no operators replaces the document."""
    options = {"upsert": row.get("upsert", False)}
    if isinstance(row["u"], dict) and not any(name.startswith("$") for name in row["u"]):
        return ReplaceOne(row["q"], row["u"], **options)
    return (UpdateMany if row.get("multi") else UpdateOne)(row["q"], row["u"], **options)


def _command(database: Any, command: dict[str, Any]) -> Call:
    """The driver's call that sends this command."""
    name, target = next(iter(command.items()))
    collection: Any = database[target] if isinstance(target, str) else None
    match name:
        case "insert":
            return lambda: collection.insert_many(command["documents"], ordered=command["ordered"])
        case "update":
            updates = [_update(row) for row in command["updates"]]
            return lambda: collection.bulk_write(updates, ordered=command["ordered"])
        case "find":
            options = {"sort": list(command.get("sort", {}).items()) or None, "limit": command.get("limit", 0)}
            return lambda: collection.find(command["filter"], command.get("projection"), **options).to_list(None)
        case "findAndModify":
            options = {"upsert": command.get("upsert", False), "return_document": command.get("new", False)}
            return lambda: collection.find_one_and_update(command["query"], command["update"], **options)
        case _:
            for option in ("readConcern", "writeConcern"):
                command.pop(option, None)
            return lambda: database.command(command)


async def play(steps: list[Step]) -> None:
    """Take the steps in the order in which they began.

    The database may refuse one: two upserts that overlap may both try to insert. The engine tries it again, or knows that it is
    done.
    """
    running: dict[asyncio.Task[Any], int] = {}

    async def take(call: Call) -> None:
        with contextlib.suppress(OperationFailure):
            await call()

    for step in sorted(steps):
        before = [task for task, end in running.items() if end < step.begin]
        await asyncio.gather(*before)
        for task in before:
            del running[task]
        running[asyncio.create_task(take(step.call))] = step.end
    await asyncio.gather(*running)


async def read(consumer: AIOKafkaConsumer, operations: Operations) -> None:
    """Read as many records as were read; commit after each batch as the recorded process did."""
    sizes = [row["count"] for row in operations if row["kind"] == "read"]
    commits = [row["all_owned"] for row in operations if row["kind"] == "commit"]
    count, wanted = 0, sum(sizes)
    while count < wanted:
        batch = await consumer.getmany(timeout_ms=_READ_WAIT_MS, max_records=-(-wanted // len(sizes)))
        count += sum(map(len, batch.values()))
        if batch and commits:
            read_up_to = {partition: records[-1].offset + 1 for partition, records in batch.items()}
            # On a machine that is too busy the group may have lost its only member for a moment; the engine goes on as well.
            with contextlib.suppress(KafkaError):
                await consumer.commit(None if commits[-1] else read_up_to)


async def main(process: str, operations: Operations, old: str, new: str, settings: Settings) -> None:
    """Prepare, wait for the word, do it all, say so."""

    def rename(name: str) -> str:
        return new + name.removeprefix(old)

    concerns = {"read_concern": ReadConcern("majority"), "write_concern": WriteConcern(w="majority", j=True)}
    client: AsyncMongoClient[dict[str, Any]] = mongo.make_client(settings.mongo)
    producer = AIOKafkaProducer(**client_options(settings.kafka), acks="all", enable_idempotence=True, max_request_size=_MAX_BYTES)
    consumer = AIOKafkaConsumer(
        *{rename(topic) for row in operations if row["kind"] == "read" for topic in row["topics"]},
        **client_options(settings.kafka),
        group_id=f"{new}.{process}",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=_MAX_BYTES,
    )
    indexes, commands = commanding(operations, lambda name: client.get_database(rename(name), **concerns))  # type: ignore[arg-type]
    steps = [*commands, *sending(operations, producer, rename)]
    async with producer, consumer:
        for index in indexes:
            await index()
        while not consumer.assignment():
            await consumer.getmany(timeout_ms=_READ_WAIT_MS)
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        await asyncio.gather(play(steps), read(consumer, operations))
        print("done", flush=True)
        # What this process has used is read from outside, which then ends it.
        await asyncio.Event().wait()


if __name__ == "__main__":
    recording = Path(sys.argv[1])
    uvloop.run(main(recording.stem, bson.decode_all(recording.read_bytes()), *sys.argv[2:], Settings()))
