"""The turn: how every service handles a batch of records. Parse, load, decide, save, publish, commit; never in another order.

After a crash before the commit Kafka delivers the batch again. A cause that stands in a case's history changes nothing, and
its facts are published again with the same ids: nothing is lost, and a repeated fact has no second effect.
"""

import asyncio
import time
from codecs import BOM_UTF8
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import stamina
from aiokafka.errors import KafkaError
from faststream.kafka import KafkaBroker, KafkaMessage
from pydantic import ValidationError

import schemas
from pakn import metrics
from pakn.engine import dead_letters, fuse, kafka, record_values
from pakn.engine.kafka import Record
from pakn.engine.poison import is_poison
from pakn.engine.reachability import SERVER_ERRORS, Explains
from pakn.engine.received import GivenUp, Handler, Outcome, Received, Refusal, Tombstone, appended_at
from pakn.engine.shares import Shares
from pakn.errors import GiveUp, TryAgain, describe
from pakn.logs import logger
from pakn.settings import Settings
from schemas import Envelope, topics
from schemas.topics import TopicName
from schemas.values import faults_of

log = logger(__name__)
_BROKERS_TIME = 1
SHARE_SECONDS = 2.0
"""Processor seconds for reading one partition's records in a batch; the rest of the partition is put off."""


async def _nothing_is_away(_error: BaseException | None) -> bool:
    return False


def _is_tried_again(error: Exception) -> bool:
    return not isinstance(error, fuse.Blown)


@dataclass(eq=False)
class Turn:
    """Runs a service's batches.

    `wanted` are the classes of the catalogue that the handler takes, by name, and `Tombstone`; others are skipped unread.
    A handler for two major versions of an event wants both: `FeedbackRated` and `FeedbackRatedV2`.
    `refuse` gives the answers that are published with dead letters, `explains` tells failures that come of a server that is
    away, and `put_off` has records read again later, where a handler lets some wait or a party's take too long to read.
    """

    settings: Settings
    service: str
    broker: KafkaBroker
    handler: Handler
    wanted: frozenset[str]
    progress: Callable[[Sequence[Record]], None]
    refuse: Refusal | None = None
    explains: Explains = _nothing_is_away
    put_off: Callable[[KafkaMessage, Sequence[Record]], Awaitable[None]] | None = None

    def __post_init__(self) -> None:
        self._fuse = fuse.Fuse(self.settings.fuse)
        self._readers = {type: model for type, model in schemas.CATALOGUE.items() if model.__name__ in self.wanted}
        self._names = {model.event_name() for model in self._readers.values()}

    async def on_message(self, message: KafkaMessage) -> None:
        """Handle one batch and commit it. Raises what still fails after `retry_seconds`, and commits nothing then.

        While a server is away the batch waits for it, however long.
        """
        records: Sequence[Record] = message.raw_message
        while (waiting := await self._try(records)) is None:
            pass
        records, _ = kafka.parted(records, waiting)
        put_off = {kafka.partition_of(record) for record in waiting}
        try:
            if waiting:
                assert self.put_off is not None
                await self.put_off(message, waiting)
            # Of the partitions that were put off everything is committed that may be.
            if others := [record for record in records if kafka.partition_of(record) not in put_off]:
                await kafka.commit(kafka.part_of(message, others))
        except KafkaError as error:
            # After a rebalance the partition is another's; it handles the batch again, which changes nothing.
            log.warning("commit_failed", error=type(error).__name__)
        if records:
            self._note_progress(records)

    async def _try(self, records: Sequence[Record]) -> list[Record] | None:
        """Try for `retry_seconds`: the records that wait, or none when a server is away. Raises what else fails."""
        failure: Exception | None = None
        try:
            # Whatever fails counts as "try again", within a bound: what no repetition mends is given up record by record.
            async for attempt in stamina.retry_context(
                on=_is_tried_again, attempts=None, timeout=self.settings.retry_seconds, wait_initial=0.1, wait_max=5.0
            ):
                with attempt:
                    try:
                        return await (self._run_one_by_one(records) if is_poison(failure) else self._run(records))
                    except Exception as error:
                        await self._say(error, failure)
                        failure = error
                        raise
        except Exception as error:
            if not await self.explains(error):
                raise
        return None

    async def _say(self, error: Exception, before: Exception | None) -> None:
        """Log why a turn failed, unless that is said already."""
        if isinstance(error, fuse.Blown) or await self.explains(error):
            return
        expected = isinstance(error, (*SERVER_ERRORS, TryAgain))
        if not expected or before is None or describe(before) != describe(error):
            log.warning("turn_failed", error=describe(error), exc_info=None if expected else error)

    async def _run_one_by_one(self, records: Sequence[Record]) -> list[Record]:
        """Give up what no server can keep, and finish the others of a batch that it has spoiled; those that wait."""
        waiting: list[Record] = []
        for record in records:
            if record in kafka.parted(records, waiting)[1]:
                continue
            try:
                waiting += await self._run([record])
            except Exception as error:
                if not is_poison(error):
                    raise
                reason = GiveUp("unsavable", f"what this leads to is more than the database can keep: {describe(error)}")
                given_up = GivenUp(record, reason)
                if self.refuse:
                    await kafka.publish(self.broker, self.settings.namespace, self.refuse(given_up))
                await self._dead_letters([given_up])
        return kafka.parted(records, waiting)[1]

    async def _run(self, records: Sequence[Record]) -> list[Record]:
        """Everything but the commit; the records that wait, of which nothing was done."""
        started = time.monotonic()
        batch, given_up, beyond_share = await self._parse_all(records)
        outcome = await self.handler.handle(batch) if batch else Outcome()
        failed = [received for received, why in outcome.given_up if why.reason == "unexpected"]
        _, waiting = kafka.parted(records, [*beyond_share, *(row.record for row in outcome.waiting)])
        batch = [received for received in batch if received.record not in waiting]
        went_well = len(batch) - len(outcome.given_up) - outcome.repeated
        self._fuse.check(went_well, [received.envelope.subject or received.envelope.id for received in failed])
        given_up = [row for row in given_up if row.record not in waiting]
        # What lies behind a record that waits comes again, and is answered then.
        others = [row for row in outcome.given_up if row[0].record not in waiting]
        given_up += [GivenUp(received.record, reason, received) for received, reason in others]
        facts = list(outcome.facts)
        for row in given_up:
            facts += self.refuse(row) if self.refuse else ()
            await asyncio.sleep(0)
        # A record that stands in the batch many times has the same facts each time.
        once = {(fact.id, fact.topics, fact.data): fact for fact in facts}
        await kafka.publish(self.broker, self.settings.namespace, [*once.values()])
        await self._dead_letters(given_up)
        for received in batch:
            metrics.events_consumed.labels(received.envelope.name, "handled").inc()
        if outcome.repeated:
            metrics.events_consumed.labels("any", "repeated").inc(outcome.repeated)
        metrics.turn_seconds.observe(time.monotonic() - started)
        return waiting

    async def _parse_all(self, records: Sequence[Record]) -> tuple[list[Received], list[GivenUp], list[Record]]:
        """What is wanted of these records, what cannot be read, and those whose partition has had its share of the time."""
        batch: list[Received] = []
        given_up: list[GivenUp] = []
        beyond_share: list[Record] = []
        shares = Shares(SHARE_SECONDS, time.thread_time)
        for record in records:
            partition = kafka.partition_of(record)
            if self.put_off and shares.is_used_up(partition):
                beyond_share.append(record)
                continue
            try:
                with shares.taking(partition):
                    received = self.parse(record)
            except GiveUp as fault:
                # Its traceback leads back to this list: a circle, in which every record would stay until the collector comes.
                given_up.append(GivenUp(record, fault.with_traceback(None)))
            else:
                if received is not None:
                    batch.append(received)
            # Requests and the heartbeat of the consumer have their turn, however long the records take.
            await asyncio.sleep(0)
        return batch, given_up, beyond_share

    def parse(self, record: Record) -> Received | None:
        """Read a record; none when its event is not wanted here. Raises GiveUp when it cannot be read."""
        topic = TopicName.parse(record.topic)
        lifecycle = topic.family == topics.FEEDBACK or topic.family in topics.COMPACTED
        if record.value is None and topic.family in topics.COMPACTED and Tombstone.__name__ in self.wanted:
            return self._tombstone(record, topic)
        envelope, data = record_values.parse(record)
        carried = topics.EVENTS.get(topic.family, ())
        # A later version of PAKN may write facts of which this one knows nothing; they are passed over.
        if envelope.name not in carried and not (lifecycle and envelope.type not in schemas.CATALOGUE):
            types = ", ".join(type for type, model in schemas.CATALOGUE.items() if model.event_name() in carried)
            raise GiveUp("unknown_type", f"ce_type {envelope.type!r} is not one that {topic.topic} carries: {types}")
        if envelope.name not in self._names or (record.value is None and lifecycle):
            metrics.events_consumed.labels(envelope.name if envelope.type in schemas.CATALOGUE else "unknown", "skipped").inc()
            return None
        if envelope.type not in self._readers:
            raise GiveUp("unknown_schema", f"ce_type {envelope.type!r} is not one that this release reads: {sorted(self._readers)}")
        if topic.family in topics.BROKER_TIMED and record.timestamp_type != _BROKERS_TIME:
            # Whoever could change the topic so would date an agency's acts back.
            raise GiveUp("invalid", f"the time of this record is its sender's: {topic.topic} must have {topics.BROKER_TIME}")
        model = self._readers[envelope.type]
        try:
            # Some programs of Windows write a byte order mark before their JSON.
            event = model.model_validate_json((data or b"").removeprefix(BOM_UTF8))
        except ValidationError as error:
            faults = tuple(faults_of(error, "data", model.tags))
        else:
            return Received(envelope, event, topic, record.partition, record.offset, appended_at(record), record)
        # Raised out here: the library's error would be its context, and stay with all its thousands of lines.
        raise GiveUp("invalid", faults=faults)

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
        now = time.time()
        for record in records:
            metrics.event_age.observe(max(now - record.timestamp / 1000, 0))
