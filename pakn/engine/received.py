"""What a turn works on: a record that was read or given up, and what a handler makes of a batch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from pydantic import BaseModel

from pakn.engine import record_values
from pakn.engine.kafka import Record
from pakn.errors import GiveUp
from schemas import Envelope, Fact
from schemas.topics import TopicName
from schemas.values import Fault, RecordPlace

_LAST_TIMESTAMP = int(datetime(9000, 1, 1, tzinfo=UTC).timestamp() * 1000)


@dataclass(frozen=True, slots=True)
class Received:
    """One record that could be read: its envelope and event, where it came from, and when the broker got it."""

    envelope: Envelope
    event: BaseModel
    topic: TopicName
    partition: int
    offset: int
    appended_at: datetime
    record: Record


class Tombstone(BaseModel):
    """Stands for a record without a value in a compacted topic: what was known of its key is to be erased."""


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A record that goes to the dead letters, and why. `received` is none if the record could not be read."""

    record: Record
    reason: GiveUp
    received: Received | None = None

    @property
    def topic(self) -> TopicName:
        """The topic of the record."""
        return TopicName.parse(self.record.topic)

    @property
    def own_id(self) -> str:
        """The id that the sender gave the record, at most 1000 characters; empty if there is none."""
        if self.received:
            return self.received.envelope.id
        return record_values.readable_id(self.record)

    @property
    def name(self) -> str:
        """The event's name, also of a record whose data could not be read; empty where it has no envelope."""
        if self.received:
            return self.received.envelope.name
        try:
            return record_values.parse(self.record)[0].name
        except GiveUp:
            return ""

    @property
    def data(self) -> dict[str, Any]:
        """The JSON object that the record carries, as far as it can be read; otherwise an empty one."""
        return record_values.readable_data(self.record)

    @property
    def place(self) -> str:
        """The partition and the offset of the record, which tell it from every other of its topic."""
        return f"{self.record.partition}/{self.record.offset}"

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What the sender must correct: at least one fault."""
        return self.reason.faults or (Fault(field="record", code=self.reason.reason, message=str(self.reason)[:1000]),)


Refusal = Callable[[GivenUp], list[Fact]]
"""Answers the sender of a record that was given up, with facts to publish: the same at each repetition, and none for a topic that
gets no answers."""


def place_of(record: Record) -> RecordPlace:
    """Where a record stands, for the answer to its sender."""
    return RecordPlace(topic=record.topic, partition=record.partition, offset=record.offset)


def appended_at(record: Record) -> datetime:
    """When the broker got a record: the same at each repetition of its batch. Times beyond 1970 and 9000 are their limits.

    In a topic that keeps its producers' times these may be any number.
    """
    return datetime.fromtimestamp(min(max(record.timestamp, 0), _LAST_TIMESTAMP) / 1000, UTC)


@dataclass(slots=True)
class Outcome:
    """What a handler made of a batch: facts to publish in order, records given up, and how many were repetitions.

    `waiting` are records that need something that is away, or are beyond their party's share of the time. They come again
    later, with all that is behind them in their partitions, of which nothing was handled.
    """

    facts: list[Fact] = field(default_factory=list)
    given_up: list[tuple[Received, GiveUp]] = field(default_factory=list)
    repeated: int = 0
    waiting: list[Received] = field(default_factory=list)


class Handler(Protocol):
    """What a service does with a batch: everything between parsing and publishing."""

    async def handle(self, batch: Sequence[Received]) -> Outcome:
        """Load, decide, save. Must be safe to call again with the same batch."""
        ...
