"""What waits for something that is away: it comes again with all behind it, nothing is committed past it, and others go on."""

import json
from collections.abc import Sequence
from typing import Any
from unittest.mock import Mock

import pytest
from aiokafka import TopicPartition
from aiokafka.structs import ConsumerRecord

from pakn import metrics
from pakn.engine import dead_letters, kafka
from pakn.engine.put_off import PutOff
from pakn.engine.received import Outcome, Received
from pakn.engine.turn import Turn
from pakn.errors import GiveUp
from pakn.settings import Settings
from tests.support.outside_world import GOOD, lines

A, B = TopicPartition("t.inbox.a", 0), TopicPartition("t.inbox.b", 0)


def record_of(topic: str, offset: int, value: bytes | None = None) -> Any:
    """A portal's submission in order, or a record with this value."""
    data = json.dumps(GOOD).encode() if value is None else value
    headers = tuple(lines("PortalSubmission", f"e-{offset}"))
    return ConsumerRecord(topic, 0, offset, 0, 1, b"k", data, None, 1, len(data), headers)


class Time:
    now = 100.0


def shown() -> set[str]:
    return {sample.labels["topic"] for family in metrics.waiting_partitions.collect() for sample in family.samples}


def test_the_longer_a_batch_took_the_longer_its_parties_rest() -> None:
    """After eighteen seconds of its slow files a party rested for thirty: it had three eighths of intake's time."""
    now = [0.0]
    put_off = PutOff(30, lambda: now[0])
    for took, rests in ((5, 30), (18, 54), (1000, 120)):
        now[0] += 1000
        put_off.batch_begins()
        now[0] += took
        assert put_off.add([A]) == rests
        now[0] += rests - 1
        assert put_off.pausing == {A}
        now[0] += 1
        assert not put_off.pausing
    put_off.clear()


def test_a_partition_rests_and_is_tried_again_until_one_of_its_records_is_handled() -> None:
    put_off = PutOff(30, lambda: Time.now)
    put_off.add([A])
    put_off.went_on([A, B])
    assert (put_off.pausing, put_off.partitions, shown()) == ({A}, {A}, {A.topic}), "it was put off in the same batch"
    Time.now += 31
    assert (put_off.pausing, put_off.partitions) == (frozenset(), {A})
    put_off.went_on([A])
    assert (put_off.partitions, shown()) == (frozenset(), set())


class SomeWait:
    """A handler that lets the record at offset 2 of the portal `a` wait."""

    async def handle(self, batch: Sequence[Received]) -> Outcome:
        return Outcome(waiting=[row for row in batch if row.record.topic == A.topic and row.offset == 2])


async def test_of_a_partition_with_a_record_that_waits_nothing_behind_it_is_committed_or_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A dead letter behind it would be published again at each try."""
    good = [record_of(A.topic, 1), record_of(A.topic, 2), record_of(B.topic, 7)]
    bad = [record_of(A.topic, 0, value=b"x"), record_of(A.topic, 3, value=b"x"), record_of(B.topic, 8, value=b"x")]
    records = sorted([*good, *bad], key=lambda row: (row.topic, row.offset))
    committed: list[Any] = []
    waiting: list[Any] = []
    dead: list[Any] = []

    async def commit(message: Any) -> None:
        committed.extend((row.topic, row.offset) for row in message.raw_message)

    async def put_off(_message: Any, rows: Sequence[Any]) -> None:
        waiting.extend((row.topic, row.offset) for row in rows)

    async def publish(_broker: Any, _namespace: str, _service: str, row: Any, _reason: GiveUp) -> None:
        dead.append((row.topic, row.offset))

    async def publish_facts(*_: Any) -> None:
        """No facts follow."""

    monkeypatch.setattr(kafka, "commit", commit)
    monkeypatch.setattr(kafka, "publish", publish_facts)
    monkeypatch.setattr(dead_letters, "publish", publish)
    progress: list[Any] = []
    turn = Turn(
        Settings(namespace="t"),
        "intake",
        Mock(),
        SomeWait(),
        frozenset({"PortalSubmission"}),
        progress.extend,
        put_off=put_off,
    )
    await turn.on_message(Mock(raw_message=tuple(records)))
    assert waiting == [(A.topic, 2), (A.topic, 3)]
    assert committed == [(B.topic, 7), (B.topic, 8)], "how far the other one is, who puts it off commits with its reason"
    assert [(row.topic, row.offset) for row in progress] == [(A.topic, 0), (A.topic, 1), *committed]
    assert dead == [(A.topic, 0), (B.topic, 8)]


async def test_of_a_batch_in_which_every_record_waits_nothing_is_committed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client library refuses a commit of nothing, and what came behind it was never done."""
    committed: list[Any] = []
    progress: list[Any] = []
    waiting: list[Any] = []

    async def commit(message: Any) -> None:
        committed.append(message)

    async def put_off(_message: Any, rows: Sequence[Any]) -> None:
        waiting.extend(rows)

    async def publish_facts(*_: Any) -> None:
        """No facts follow."""

    monkeypatch.setattr(kafka, "commit", commit)
    monkeypatch.setattr(kafka, "publish", publish_facts)
    wanted = frozenset({"PortalSubmission"})
    turn = Turn(Settings(namespace="t"), "intake", Mock(), SomeWait(), wanted, progress.append, put_off=put_off)
    await turn.on_message(Mock(raw_message=(record_of(A.topic, 2), record_of(A.topic, 3))))
    assert [row.offset for row in waiting] == [2, 3]
    assert (committed, progress) == ([], [])
