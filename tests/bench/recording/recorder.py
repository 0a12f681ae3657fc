"""Records what a process really does to Kafka and MongoDB: each command with its documents, each record, each batch read.

Hooks into the client libraries only. One file a process, written at its end: BSON documents in the order in which the
operations began, each with the moments (a common count) of its begin and its end.
"""

import atexit
import contextlib
import itertools
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import bson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from pymongo import monitoring

# Of the session and of the connection, not of the work.
_NOT_WORK = {"lsid", "txnNumber", "$clusterTime", "$db", "$readPreference"}
_NO_OPERATIONS = {"hello", "ping", "endSessions", "getMore", "killCursors"}


class Recorder(monitoring.CommandListener):
    """Keeps the operations of this process until it ends."""

    def __init__(self) -> None:
        self._moments = itertools.count()
        self.operations: list[dict[str, Any]] = []
        self._commands: dict[int, dict[str, Any]] = {}
        self._read_before: dict[Any, int] = {}

    def begin(self, kind: str, **what: Any) -> dict[str, Any]:
        """An operation begins now."""
        operation = {"kind": kind, "begin": next(self._moments), **what}
        self.operations.append(operation)
        return operation

    def end(self, operation: dict[str, Any]) -> None:
        """It has ended."""
        operation["end"] = next(self._moments)

    def not_read_before(self, batches: Mapping[Any, Sequence[Any]]) -> int:
        """How many of these records are new: after a rebalance some come again, and whoever waits for their sum would wait
        for ever."""
        count = 0
        for partition, records in batches.items():
            count += sum(record.offset >= self._read_before.get(partition, 0) for record in records)
            self._read_before[partition] = max(self._read_before.get(partition, 0), records[-1].offset + 1)
        return count

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """A command goes to MongoDB."""
        if event.command_name not in _NO_OPERATIONS:
            work = {key: value for key, value in event.command.items() if key not in _NOT_WORK}
            # Encoded at once: the process may change its documents later.
            self._commands[event.request_id] = self.begin("command", database=event.database_name, command=bson.encode(work))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """MongoDB has answered."""
        if operation := self._commands.pop(event.request_id, None):
            self.end(operation)

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """MongoDB has refused, or did not answer."""
        self._commands.pop(event.request_id, None)


def install(folder: str) -> None:
    """Record from now on, to the end of the process; the file in `folder` has the name of the service."""
    recorder = Recorder()
    monitoring.register(recorder)
    ending = contextlib.ExitStack()
    ending.enter_context(recording_kafka(recorder, Path(folder) / f"{sys.orig_argv[-1]}.bson", groups_only=True))
    # The web server hands the signal that ended it on to whoever was there before; without this the process just dies of it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    atexit.register(ending.close)


@contextlib.contextmanager
def recording_kafka(recorder: Recorder, file: Path, *, groups_only: bool) -> Iterator[None]:
    """Record what goes to and comes from Kafka in this block; at its end, write all that was recorded into `file`.

    With `groups_only` what is read outside of a consumer group is left out: single records that a service looks at again and
    again, to see how far another one has come.
    """
    send, getmany, commit = AIOKafkaProducer.send, AIOKafkaConsumer.getmany, AIOKafkaConsumer.commit

    async def recorded_send(self: Any, topic: str, value: Any = None, key: Any = None, headers: Any = None, **options: Any) -> Any:
        rows = [[name, content] for name, content in headers or ()]
        operation = recorder.begin("send", topic=topic, value=value, key=key, headers=rows)
        acknowledged = await send(self, topic, value, key, headers=headers, **options)
        acknowledged.add_done_callback(lambda _: recorder.end(operation))
        return acknowledged

    async def recorded_getmany(self: Any, *partitions: Any, **options: Any) -> Any:
        batches = await getmany(self, *partitions, **options)
        counts = not groups_only or self._group_id is not None
        if counts and (count := recorder.not_read_before(batches)):
            topics = sorted({partition.topic for partition in batches})
            recorder.end(recorder.begin("read", count=count, topics=topics))
        return batches

    async def recorded_commit(self: Any, offsets: Any = None) -> None:
        operation = recorder.begin("commit", all_owned=offsets is None)
        await commit(self, offsets)
        recorder.end(operation)

    with (
        patch.object(AIOKafkaProducer, "send", recorded_send),
        patch.multiple(AIOKafkaConsumer, getmany=recorded_getmany, commit=recorded_commit),
    ):
        yield
    with file.open("wb") as out:
        out.writelines(bson.encode(operation) for operation in recorder.operations if "end" in operation)
