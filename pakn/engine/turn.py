"""The turn: how every service handles a batch of records. Parse, load, decide, save, publish, commit; never in another order.

After a crash before the commit Kafka delivers the batch again. A cause that stands in a case's history changes nothing, and
its facts are published again with the same ids: nothing is lost, and a repeated fact has no second effect.
"""

import asyncio
import time
from codecs import BOM_UTF8
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

import stamina
from aiokafka.errors import KafkaError
from bson.errors import InvalidDocument
from faststream.kafka import KafkaBroker, KafkaMessage
from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticSerializationError
from pymongo.errors import BulkWriteError, OperationFailure, PyMongoError

import schemas
from pakn import metrics
from pakn.engine import dead_letters, fuse, kafka, record_values
from pakn.engine.kafka import Record
from pakn.errors import GiveUp, TryAgain, describe
from pakn.logs import logger
from pakn.settings import Settings
from schemas import Envelope, Fact, topics
from schemas.topics import TopicName
from schemas.values import Fault, RecordPlace, faults_of

log = logger(__name__)
# Codes of the server for a document that it can never keep: too large, nested too deeply, too large a key of an index.
_NEVER_KEPT = {10334, 15, 17280, 17282, 17419}
_LAST_TIMESTAMP = int(datetime(9000, 1, 1, tzinfo=UTC).timestamp() * 1000)


def is_poison(error: Exception | None) -> bool:
    """Whether no server will ever store what this record leads to, so that the record would block all behind it.

    Every other failure waits for a server or for a corrected process, and is never given up.
    """
    if isinstance(error, BulkWriteError):
        return any(fault["code"] in _NEVER_KEPT for fault in (error.details or {}).get("writeErrors", []))
    if isinstance(error, OperationFailure):
        return error.code in _NEVER_KEPT
    return isinstance(error, InvalidDocument | OverflowError | UnicodeEncodeError | PydanticSerializationError)


def _note_failure(error: Exception) -> bool:
    if isinstance(error, fuse.Blown):
        return False
    expected = isinstance(error, TryAgain | PyMongoError | KafkaError | OSError)
    log.warning("turn_failed", error=describe(error), exc_info=None if expected else error)
    return True


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
    """What a handler made of a batch: facts to publish in order, records given up, and how many were repetitions."""

    facts: list[Fact] = field(default_factory=list)
    given_up: list[tuple[Received, GiveUp]] = field(default_factory=list)
    repeated: int = 0


class Handler(Protocol):
    """What a service does with a batch: everything between parsing and publishing."""

    async def handle(self, batch: Sequence[Received]) -> Outcome:
        """Load, decide, save. Must be safe to call again with the same batch."""
        ...


@dataclass(eq=False)
class Turn:
    """Runs a service's batches; ends the process through `fatal` when a batch cannot be finished.

    `wanted` are the classes of the catalogue that the handler takes, by name, and `Tombstone`; others are skipped unread.
    A handler for two major versions of an event wants both: `FeedbackRated` and `FeedbackRatedV2`.
    `refuse` gives the answers that are published with dead letters.
    """

    settings: Settings
    service: str
    broker: KafkaBroker
    handler: Handler
    wanted: frozenset[str]
    fatal: Callable[[str, Exception], None]
    progress: Callable[[Sequence[Record]], None]
    refuse: Refusal | None = None

    def __post_init__(self) -> None:
        self._fuse = fuse.Fuse(self.settings.fuse)
        self._readers = {type: model for type, model in schemas.CATALOGUE.items() if model.__name__ in self.wanted}
        self._names = {model.event_name() for model in self._readers.values()}

    async def on_message(self, message: KafkaMessage) -> None:
        """Handle one batch and commit it; after `retry_seconds` of failures stop the process without committing."""
        records: Sequence[Record] = message.raw_message
        failure: Exception | None = None
        try:
            # Whatever fails counts as "try again", within a bound: what no repetition mends is given up record by record.
            async for attempt in stamina.retry_context(
                on=_note_failure, attempts=None, timeout=self.settings.retry_seconds, wait_initial=0.1, wait_max=5.0
            ):
                with attempt:
                    try:
                        await (self._run_one_by_one(records) if is_poison(failure) else self._run(records))
                    except Exception as error:
                        failure = error
                        raise
        except Exception as error:
            # Returning or raising would let the next commit pass over this batch, so this handler never returns: the
            # process ends, the supervisor starts a new one, and the batch comes again.
            self.fatal(f"a batch of {len(records)} could not be finished: {describe(error)}", error)
            await asyncio.Event().wait()
        try:
            await kafka.commit(message)
        except KafkaError as error:
            # After a rebalance the partition is another's; it handles the batch again, which changes nothing.
            log.warning("commit_failed", error=type(error).__name__)
        self._note_progress(records)

    async def _run_one_by_one(self, records: Sequence[Record]) -> None:
        """Give up what no server can keep, and finish the others of a batch that it has spoiled."""
        for record in records:
            try:
                await self._run([record])
            except Exception as error:
                if not is_poison(error):
                    raise
                reason = GiveUp("unsavable", f"what this leads to is more than the database can keep: {describe(error)}")
                given_up = GivenUp(record, reason)
                if self.refuse:
                    await kafka.publish(self.broker, self.settings.namespace, self.refuse(given_up))
                await self._dead_letters([given_up])

    async def _run(self, records: Sequence[Record]) -> None:
        started = time.monotonic()
        batch: list[Received] = []
        given_up: list[GivenUp] = []
        for record in records:
            try:
                received = self.parse(record)
            except GiveUp as fault:
                # Its traceback leads back to this list: a circle, in which every record would stay until the collector comes.
                given_up.append(GivenUp(record, fault.with_traceback(None)))
            else:
                if received is not None:
                    batch.append(received)
        outcome = await self.handler.handle(batch) if batch else Outcome()
        failed = [received for received, why in outcome.given_up if why.reason == "unexpected"]
        went_well = len(batch) - len(outcome.given_up) - outcome.repeated
        self._fuse.check(went_well, [received.envelope.subject or received.envelope.id for received in failed])
        given_up += [GivenUp(received.record, reason, received) for received, reason in outcome.given_up]
        facts = outcome.facts
        if self.refuse:
            facts = [*facts, *(fact for row in given_up for fact in self.refuse(row))]
        await kafka.publish(self.broker, self.settings.namespace, facts)
        await self._dead_letters(given_up)
        for received in batch:
            metrics.events_consumed.labels(received.envelope.name, "handled").inc()
        if outcome.repeated:
            metrics.events_consumed.labels("any", "repeated").inc(outcome.repeated)
        metrics.turn_seconds.observe(time.monotonic() - started)

    def parse(self, record: Record) -> Received | None:
        """Read a record; none when its event is not wanted here. Raises GiveUp when it cannot be read."""
        topic = TopicName.parse(record.topic)
        lifecycle = topic.family in (topics.FEEDBACK, topics.CONTACTS)
        if record.value is None and topic.family == topics.CONTACTS and Tombstone.__name__ in self.wanted:
            return self._tombstone(record, topic)
        envelope, data = record_values.parse(record)
        carried = topics.EVENTS.get(topic.family, ())
        # A later version of PAKN may write facts of which this one knows nothing; they are passed over.
        if envelope.name not in carried and not (lifecycle and envelope.type not in schemas.CATALOGUE):
            raise GiveUp("unknown_type", f"ce_type {envelope.type!r} is not one that {topic.topic} carries: {', '.join(carried)}")
        if envelope.name not in self._names or (record.value is None and lifecycle):
            metrics.events_consumed.labels(envelope.name if envelope.type in schemas.CATALOGUE else "unknown", "skipped").inc()
            return None
        if envelope.type not in self._readers:
            raise GiveUp("unknown_schema", f"ce_type {envelope.type!r} is not one that this release reads: {sorted(self._readers)}")
        model = self._readers[envelope.type]
        try:
            # Some programs of Windows write a byte order mark before their JSON.
            event = model.model_validate_json((data or b"").removeprefix(BOM_UTF8))
        except ValidationError as error:
            raise GiveUp("invalid", faults=tuple(faults_of(error, "data", model.tags))) from None
        return Received(envelope, event, topic, record.partition, record.offset, appended_at(record), record)

    @staticmethod
    def _tombstone(record: Record, topic: TopicName) -> Received:
        # Any Kafka tool may erase a key, so a tombstone needs no envelope; its place in the topic serves as its id.
        try:
            key = (record.key or b"").decode()
        except UnicodeDecodeError:
            raise GiveUp("unreadable", "the key of a record without a value is not UTF-8") from None
        name = Tombstone.__name__
        at = appended_at(record)
        envelope = Envelope(dead_letters.origin(record), f"pakn.{name}.v1", name, record.topic, at, key, "")
        return Received(envelope, Tombstone(), topic, record.partition, record.offset, at, record)

    async def _dead_letters(self, rows: Sequence[GivenUp]) -> None:
        letters = [(row.record, row.reason) for row in rows]
        await dead_letters.publish_all(self.broker, self.settings.namespace, self.service, letters)
        for row in rows:
            metrics.dead_letters.labels(row.reason.reason).inc()
            name = row.received.envelope.name if row.received else "unknown"
            metrics.events_consumed.labels(name, "dead").inc()
            log.warning("dead_letter", reason=row.reason.reason, origin=dead_letters.origin(row.record), type=name)

    def _note_progress(self, records: Sequence[Record]) -> None:
        self.progress(records)
        metrics.last_progress.set_to_current_time()
        now = time.time()
        for record in records:
            metrics.event_age.observe(max(now - record.timestamp / 1000, 0))
