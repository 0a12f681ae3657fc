"""What the bench's floor waits for is there to come, and what ends one of its operations does not end the floor."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from pymongo.errors import DuplicateKeyError

from tests.bench import floor, replay
from tests.bench.recording.recorder import Recorder


def records(*offsets: int) -> list[Any]:
    return [SimpleNamespace(offset=offset) for offset in offsets]


def test_a_record_that_was_read_twice_is_waited_for_once() -> None:
    """The floor waited for more records than there were, until its bound ended the whole bench."""
    recorder = Recorder()
    assert recorder.not_read_before({"a": records(0, 1), "b": records(7)}) == 3
    assert recorder.not_read_before({"a": records(1, 2)}) == 1


async def test_an_operation_that_the_database_refuses_does_not_stop_the_others() -> None:
    """Two upserts that overlapped ended the process with status 1."""
    done = []

    async def refused() -> None:
        raise DuplicateKeyError("E11000")

    async def taken() -> None:
        done.append(1)

    await replay.play([replay.Step(0, 1, refused), replay.Step(2, 3, taken)])
    assert done == [1]


async def test_a_process_that_does_not_answer_is_named() -> None:
    streams = {name: asyncio.StreamReader() for name in ("intake", "deadlines")}
    streams["intake"].feed_data(b"ready\n")
    processes: dict[str, Any] = {name: SimpleNamespace(stdout=stream) for name, stream in streams.items()}
    with pytest.raises(TimeoutError, match=r"in vain for the floor's processes deadlines$"):
        await floor._lines(processes, 0.05)
