"""The commands about quarantine: list the partitions that wait, try one again, or pass over its record, which is kept.

A running service carries out a decision within seconds; one that does not run, when it starts.
"""

import asyncio
import multiprocessing
import sys
from collections.abc import Coroutine
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

import typer
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from pakn.engine import dead_letters, kafka, mongo, quarantine, tolerant_records
from pakn.engine.command_line import run_on_database, settings_or_stop, stop
from pakn.engine.kafka import Record
from pakn.engine.quarantine_store import QuarantineStore
from pakn.errors import GiveUp
from pakn.settings import Settings
from schemas.topics import SERVICES, ServiceName

cli = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Records that end a process again and again: list, release, skip."
)
ResultT = TypeVar("ResultT")
Skipped = Literal["kept", "place_only", "not_held"]
_READ_MS = 10_000
_READER_BYTES = 2 * 1024**3
Where = Annotated[str, typer.Argument(metavar="TOPIC/PARTITION/OFFSET", help="as `pakn quarantine list` shows it")]
Which = Annotated[str, typer.Option("--service", help="needed where several services have this record in quarantine")]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A partition in quarantine: whose, at which record, since when, after how many ends, and what is decided already."""

    service: ServiceName
    partition: TopicPartition
    offset: int
    ends: int
    since: datetime | None
    skip: bool

    @property
    def place(self) -> str:
        """The record, as topic/partition/offset."""
        return f"{self.partition.topic}/{self.partition.partition}/{self.offset}"


@cli.command("list")
def _list() -> None:
    """List the partitions that wait for a decision, with the record at which each waits."""
    rows = run_on_database(waiting(settings_or_stop()))
    for row in rows:
        since = row.since.isoformat(timespec="seconds") if row.since else "-"
        typer.echo(f"{row.place}  {row.service}  {row.ends} ends  since {since}" + ("  to be skipped" if row.skip else ""))
    if not rows:
        typer.echo("No partition is in quarantine.")


@cli.command("release")
def _release(place: Where, service: Which = "") -> None:
    """Try the record again, after a correction for example; one more end with it in hand brings the quarantine back."""
    settings = settings_or_stop()
    row = _one(run_on_database(waiting(settings)), place, service)
    if not run_on_database(release(settings, row)):
        stop(f"{place} is no more in quarantine.")
    typer.echo(f"{row.service} tries {place} again.")


@cli.command("skip")
def _skip(
    place: Where, why: Annotated[str, typer.Option(help="kept with the record among the dead letters")], service: Which = ""
) -> None:
    """Keep the record as a dead letter, and let the service go on behind it."""
    if not why.strip():
        stop("Say with --why for what reason the record is passed over; it is kept with it.")
    settings = settings_or_stop()
    row = _one(run_on_database(waiting(settings)), place, service)
    skipped = _on_kafka(settings, skip(settings, row, why.strip()))
    if skipped == "not_held":
        stop(f"{place} is no more in quarantine, so nothing is passed over; dead.{row.service} has a copy of the record.")
    kept = "the record" if skipped == "kept" else "its place only"
    typer.echo(f"{row.service} goes on behind {place}; dead.{row.service} keeps {kept}.")


def _on_kafka(settings: Settings, work: Coroutine[Any, Any, ResultT]) -> ResultT:
    try:
        return run_on_database(work)
    except (KafkaError, OSError) as error:
        stop(f"Nothing is passed over: the Kafka at {settings.kafka.bootstrap} (PAKN_KAFKA__BOOTSTRAP) fails: {error}")


def _one(rows: list[Waiting], place: str, service: str) -> Waiting:
    found = [row for row in rows if row.place == place and service in ("", row.service)]
    if not found:
        stop(f"{place} is not in quarantine; `pakn quarantine list` shows what is, each as TOPIC/PARTITION/OFFSET.")
    if len(found) > 1:
        stop(f"{place} is in quarantine of {', '.join(row.service for row in found)}: name one with --service.")
    return found[0]


async def waiting(settings: Settings) -> list[Waiting]:
    """Every partition in quarantine, of every service. Raises PyMongoError."""
    rows = []
    for service in SERVICES:
        async with mongo.opened(settings, service) as database:
            for partition, noted in (await QuarantineStore(database).quarantined()).items():
                standing = noted.standing
                rows.append(
                    Waiting(service, partition, standing.quarantined or 0, standing.ends, noted.since, noted.skip is not None)
                )
    return rows


async def release(settings: Settings, row: Waiting) -> bool:
    """Have the record tried again, once. False if it is no more in quarantine. Raises PyMongoError."""
    async with mongo.opened(settings, row.service) as database:
        store = QuarantineStore(database)
        noted = (await store.read([row.partition])).get(row.partition)
        if noted is None:
            return False
        return await store.release(row.partition, row.offset, quarantine.released(noted.standing, settings.quarantine))


async def skip(settings: Settings, row: Waiting, why: str) -> Skipped:
    """Put the record into the dead letters of its service with `why`, then have it passed over.

    `place_only`: it could not be read, so the dead letter holds its place and nothing else. `not_held`: it is no more in
    quarantine. Raises PyMongoError, KafkaError, OSError; nothing is passed over then, and it may be repeated.
    """
    record = await _read_apart(settings, row)
    letter = record or _unread(row)
    broker = kafka.make_broker(settings, row.service)
    try:
        await broker.start()
        await dead_letters.publish(broker, settings.namespace, row.service, letter, GiveUp("quarantined", why))
    finally:
        await broker.stop()
    async with mongo.opened(settings, row.service) as database:
        if not await QuarantineStore(database).skip(row.partition, row.offset, why):
            return "not_held"
    return "kept" if record else "place_only"


def _unread(row: Waiting) -> Record:
    told: Any = (("value-could-not-be-read", b"the record stays in its topic as long as that keeps records"),)
    return ConsumerRecord(row.partition.topic, row.partition.partition, row.offset, 0, 0, None, None, None, -1, -1, told)


async def _read_apart(settings: Settings, row: Waiting) -> "Record | None":
    """The record, read in a process of its own, which it may end as it has ended the service; none then."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, _read, settings, row.partition, row.offset)
        except (BrokenProcessPool, MemoryError):
            return None


def _read(settings: Settings, partition: TopicPartition, offset: int) -> "Record | None":
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_READER_BYTES, _READER_BYTES))
    return asyncio.run(_read_one(settings, partition, offset))


async def _read_one(settings: Settings, partition: TopicPartition, offset: int) -> "Record | None":
    async with kafka.make_consumer(settings.kafka, max_partition_fetch_bytes=kafka.MAX_RECORD_BYTES) as consumer:
        consumer.assign([partition])
        consumer.seek(partition, offset)
        found = await consumer.getmany(partition, timeout_ms=_READ_MS, max_records=1)
    record = next(iter(found.get(partition, ())), None)
    if record is None or record.offset != offset or any(key == tolerant_records.UNREADABLE for key, _ in record.headers):
        return None
    return record
