"""What waits, and since when: a record that was read is not done, and a turn that fails is no progress."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest
from aiokafka import TopicPartition

from pakn import metrics
from pakn.engine import progress
from pakn.engine.progress import Progress

STALL = 120.0
PLACE = TopicPartition("t.feedback", 0)


@pytest.fixture(autouse=True)
def _metrics_as_they_were() -> Iterator[None]:
    """The metrics are the whole process's, and other tests look at them too."""
    yield
    metrics.partitions_assigned.set(0)
    metrics.consumer_lag.clear()


def consumer(*, end: int, position: int) -> Any:
    """A consumer of one partition, which has read up to `position`."""
    return Mock(
        assignment=Mock(return_value={PLACE}),
        end_offsets=AsyncMock(return_value={PLACE: end}),
        position=AsyncMock(return_value=position),
    )


def message(*offsets: int) -> Any:
    return Mock(raw_message=[SimpleNamespace(topic=PLACE.topic, partition=0, offset=offset) for offset in offsets])


async def test_records_that_were_read_wait_until_their_batch_is_done() -> None:
    """The lag was 0 while an act failed again and again, so that no alert could fire."""
    made = Progress(lambda: frozenset(), STALL)
    seen = []

    async def on_batch(_message: Any) -> None:
        await made.measure(consumer(end=10, position=10))
        seen.append(made.lag)

    await made.tracking(on_batch)(message(7, 8, 9))
    await made.measure(consumer(end=10, position=10))
    assert [*seen, made.lag] == [3, 0]


async def test_what_was_not_read_waits_too_but_for_what_is_with_an_operator() -> None:
    made = Progress(lambda: frozenset(), STALL)
    await made.measure(consumer(end=10, position=4))
    assert made.lag == 6
    held = Progress(lambda: frozenset({PLACE}), STALL)
    await held.measure(consumer(end=10, position=4))
    assert held.lag == 0


async def test_neither_a_failing_turn_nor_a_server_that_is_away_is_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    """The seconds began anew while nothing was done, and the process must not be ended either: it is not at fault."""
    now = 1000.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    made = Progress(lambda: frozenset(), STALL)
    now += STALL - 1
    await made.measure(consumer(end=10, position=4))
    made.excuse()
    now += 2
    assert made.seconds == STALL + 1
    assert not made.is_stalled
    now += STALL
    assert made.is_stalled
    made.note()
    assert (made.seconds, made.is_stalled) == (0, False)
