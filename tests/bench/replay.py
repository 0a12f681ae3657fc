"""One process of the bare floor: does what one process of the engine did, with plain aiokafka and PyMongo and none of our code.

Run as `python -m tests.bench.replay FILE OLD NEW BOOTSTRAP URI`: it prints `ready`, waits for a line, and prints its counts as
JSON at the end. Commands become the driver's own calls before the clock starts. An operation begins when all that had ended
before it began in the recording has ended, so as much runs at once as in the engine; reading from Kafka waits for nothing, in
batches of the recorded mean size.
"""

import asyncio
import contextlib
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bson
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError
from bson.codec_options import CodecOptions
from pymongo import AsyncMongoClient, UpdateMany, UpdateOne
from pymongo.errors import OperationFailure
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

_MAX_BYTES = 8 * 1024 * 1024
_READ_WAIT_MS = 20
Call = Callable[[], Awaitable[Any]]


@dataclass(slots=True)
class Step:
    """Something to do: it began and ended at these moments of the recording."""

    begin: int
    end: int
    call: Call


@dataclass(slots=True)
class Plan:
    """What a recording asks for: indexes to make before the clock starts, steps, and what to read from Kafka."""

    indexes: list[Call] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    topics: set[str] = field(default_factory=set)
    records: int = 0
    batches: int = 0
    commits: int = 0
    commits_all: bool = False
    sent: int = 0


def plan(
    operations: list[dict[str, Any]], database: Callable[[str], Any], producer: AIOKafkaProducer, rename: Callable[[str], str]
) -> Plan:
    """Turn recorded operations into calls. Records that were sent one after the other, with nothing in between, are one step."""
    made = Plan()
    group: list[dict[str, Any]] = []
    for operation in [*operations, {"kind": "nothing", "begin": -1, "end": -1}]:
        if group and not (operation["kind"] == "send" and operation["begin"] == group[-1]["begin"] + 1):
            ends = max(row["end"] for row in group)
            made.steps.append(Step(group[0]["begin"], ends, _sending(producer, [_record(row, rename) for row in group])))
            group = []
        match operation["kind"]:
            case "send":
                group.append(operation)
                made.sent += 1
            case "read":
                made.records, made.batches = made.records + operation["count"], made.batches + 1
                made.topics |= {rename(topic) for topic in operation["topics"]}
            case "commit":
                made.commits, made.commits_all = made.commits + 1, operation["all_owned"]
            case "command":
                command: dict[str, Any] = bson.decode(operation["command"], CodecOptions(tz_aware=True))
                call = _command(database(rename(operation["database"])), command)
                if "createIndexes" in command:
                    made.indexes.append(call)
                else:
                    made.steps.append(Step(operation["begin"], operation["end"], call))
    return made


def _record(row: Mapping[str, Any], rename: Callable[[str], str]) -> tuple[str, Any, Any, list[tuple[str, bytes]]]:
    return rename(row["topic"]), row["value"], row["key"], [(name, value) for name, value in row["headers"]]


def _sending(producer: AIOKafkaProducer, records: list[tuple[str, Any, Any, list[tuple[str, bytes]]]]) -> Call:
    async def send() -> None:
        waiting = [await producer.send(topic, value, key=key, headers=headers) for topic, value, key, headers in records]
        await asyncio.gather(*waiting)

    return send


def _command(database: Any, command: dict[str, Any]) -> Call:
    """The driver's call that sends this command."""
    name, target = next(iter(command.items()))
    collection: Any = database[target] if isinstance(target, str) else None
    match name:
        case "insert":
            return lambda: collection.insert_many(command["documents"], ordered=command["ordered"])
        case "update":
            updates = [
                (UpdateMany if row.get("multi") else UpdateOne)(row["q"], row["u"], upsert=row.get("upsert", False))
                for row in command["updates"]
            ]
            return lambda: collection.bulk_write(updates, ordered=command["ordered"])
        case "find":
            sort, limit = list(command.get("sort", {}).items()) or None, command.get("limit", 0)

            def find() -> Awaitable[Any]:
                cursor = collection.find(command["filter"], command.get("projection"), sort=sort, limit=limit)
                result: Awaitable[Any] = cursor.to_list(None)
                return result

            return find
        case "findAndModify":
            options = {"upsert": command.get("upsert", False), "return_document": command.get("new", False)}
            return lambda: collection.find_one_and_update(command["query"], command["update"], **options)
        case _:
            for option in ("readConcern", "writeConcern"):
                command.pop(option, None)
            return lambda: database.command(command)


async def play(steps: list[Step]) -> int:
    """Take the steps in the order in which they began. Returns how many of them the database refused.

    Two upserts that overlap may both try to insert, and one is refused; the engine tries it again, or knows that it is done.
    """
    running: dict[asyncio.Task[Any], int] = {}
    refused = 0

    async def take(call: Call) -> None:
        nonlocal refused
        try:
            await call()
        except OperationFailure:
            refused += 1

    for step in sorted(steps, key=lambda step: step.begin):
        before = [task for task, end in running.items() if end < step.begin]
        if before:
            await asyncio.gather(*before)
            for task in before:
                del running[task]
        running[asyncio.create_task(take(step.call))] = step.end
    await asyncio.gather(*running)
    return refused


async def read(consumer: AIOKafkaConsumer, made: Plan) -> int:
    """Read as many records as were read; commit after each batch as the recorded process did."""
    count, size = 0, max(1, -(-made.records // max(made.batches, 1)))
    while count < made.records:
        batch = await consumer.getmany(timeout_ms=_READ_WAIT_MS, max_records=size)
        count += sum(map(len, batch.values()))
        if batch and made.commits:
            read_up_to = {partition: records[-1].offset + 1 for partition, records in batch.items()}
            # On a machine that is too busy the group may have lost its only member for a moment; the engine goes on as well.
            with contextlib.suppress(KafkaError):
                await consumer.commit(None if made.commits_all else read_up_to)
    return count


async def main(process: str, operations: list[dict[str, Any]], old: str, new: str, bootstrap: str, uri: str) -> None:
    """Prepare, wait for the word, do it all, report."""
    concerns = {"read_concern": ReadConcern("majority"), "write_concern": WriteConcern(w="majority", j=True)}
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(uri, tz_aware=True)
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, max_request_size=_MAX_BYTES)
    made = plan(
        operations,
        lambda name: client.get_database(name, **concerns),  # type: ignore[arg-type]
        producer,
        lambda name: new + name.removeprefix(old),
    )
    consumer = AIOKafkaConsumer(
        *made.topics,
        bootstrap_servers=bootstrap,
        group_id=f"{new}.{process}",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=_MAX_BYTES,
    )
    await producer.start()
    await consumer.start()
    for index in made.indexes:
        await index()
    while not consumer.assignment():
        await consumer.getmany(timeout_ms=_READ_WAIT_MS)
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    refused, count = await asyncio.gather(play(made.steps), read(consumer, made))
    did = {"read": count, "sent": made.sent, "commands": len(made.steps), "batches": made.batches, "refused": refused}
    print(json.dumps(did), flush=True)
    # What this process has used is read from outside before it may end.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    await consumer.stop()
    await producer.stop()
    await client.close()


if __name__ == "__main__":
    recording = Path(sys.argv[1])
    uvloop.run(main(recording.stem, bson.decode_all(recording.read_bytes()), *sys.argv[2:]))
