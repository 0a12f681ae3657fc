"""`make bench-law`: how fast a corrected calendar is applied to many running clocks, and whether the service still answers.

The cases are opened by the very decisions of deadlines and put into its database; then a calendar with one more day off is
applied while the service runs and somebody asks it for due dates all the time. Beside it the bare floor: the same documents
read and written and the same records produced, by plain PyMongo and aiokafka in one process. Prints, asserts nothing.
"""

import asyncio
import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from aiokafka import AIOKafkaProducer
from pymongo import UpdateOne

import schemas
from pakn.engine import mongo
from pakn.engine.case_store import Change, history_entry
from pakn.engine.kafka import topic_name
from pakn.engine.kafka_login import client_options
from pakn.legal_time import from_now_on
from pakn.local import stack
from pakn.local.child_process import CannotStart
from pakn.local.launcher import Servers
from pakn.packs.load import load_pack
from pakn.settings import Settings
from services.deadlines import calendar_change
from services.deadlines.clocks import decide
from services.deadlines.law.known import Law
from services.deadlines.store import DeadlinesStore, read_case, write_case
from tests.bench import figures, usage
from tests.bench.engine import ready
from tests.support.clock_story import with_days_off
from tests.support.outside_world import until
from tests.support.system import FAR

SENT = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
OFF = "2026-03-04"  # inside every limit, so that every clock moves
_BATCH = 500
_BOUND_SECONDS = 1800.0


def opened(law: Law, number: int, partitions: int) -> Change:
    """A case as deadlines keeps it after its assignment."""
    feedback_id = str(uuid.uuid5(uuid.NAMESPACE_OID, str(number)))
    known = {"feedback_id": feedback_id, "code": f"PAKN.20260302.{number:06}", "submitted_at": SENT, "assigned_at": SENT}
    rest = {"agency": "gia-lai", "rule": "r", "table_version": "1", "reason": "r", "category": "khac"}
    event = schemas.FeedbackAssigned.model_validate(known | rest)
    case, facts = decide.apply_event(law, None, event, feedback_id, number % partitions)
    assert case is not None
    return Change(feedback_id, 0, write_case(case), [history_entry(feedback_id, facts)])


async def engine(running: stack.Stack, store: DeadlinesStore, law: Law, cases: int) -> tuple[float, list[float], list[float]]:
    """Apply the calendar of `law` and wait until no clock is counted by another one; meanwhile ask for due dates.

    Returns the seconds it took, the peaks of memory in MiB, and the seconds that each answer took. Raises TimeoutError.
    """
    pid = running.supervisor.pid("deadlines")
    answers: list[float] = []
    peaks: list[float] = []
    target = law.days.calendar.version
    await until(lambda: ready(running), "the services are ready")
    before = usage.peak_mib(pid)
    await calendar_change.apply(running.settings, law.days.calendar, law.pack.calendar)
    started = time.perf_counter()
    give_up = started + _BOUND_SECONDS
    async with httpx.AsyncClient(timeout=30, base_url=running.urls["deadlines"]) as http:
        while (versions := {count.calendar_version for count in await store.counts_in_use()}) != {target}:
            if time.perf_counter() > give_up:
                raise TimeoutError(f"waited {_BOUND_SECONDS:.0f} s in vain for all clocks to go over to calendar {target}")
            if target not in versions:
                # A calendar holds some seconds after it was applied; that wait is no work.
                started = time.perf_counter()
            asked = time.perf_counter()
            code = f"PAKN.20260302.{len(answers) * 7919 % cases:06}"
            (await http.get(f"/v1/feedback/{code}/deadlines")).raise_for_status()
            answers.append(time.perf_counter() - asked)
            peaks.append(usage.peak_mib(pid))
            await asyncio.sleep(0.2)
    seconds = time.perf_counter() - started
    # Before, and after each quarter of the time: memory that is flat has its peak in the first one.
    return seconds, [before, *(peaks[len(peaks) * quarter // 4 - 1] for quarter in (1, 2, 3, 4))], sorted(answers)


async def floor(settings: Settings, database: mongo.Database, law: Law, now: datetime) -> float:
    """Seconds for the same reads, records and writes with none of our code; decided before the clock starts."""
    cases = database["cases"]
    corrected = Law.of(law.pack, [(now, law.days)])
    rows = await cases.find({}).sort("_id", 1).to_list(None)
    parts = [rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH)]
    batches = [([row["_id"] for row in part], *_decided(part, corrected, now, settings)) for part in parts]
    del rows, parts
    async with AIOKafkaProducer(**client_options(settings.kafka), acks="all", enable_idempotence=True, linger_ms=5) as producer:
        began = time.perf_counter()
        for ids, records, writes in batches:
            await cases.find({"_id": {"$in": ids}}).to_list(None)
            sent = [await producer.send(topic, value, key=key, headers=headers) for topic, value, key, headers in records]
            await asyncio.gather(*sent)
            await cases.bulk_write(writes, ordered=False)
        return time.perf_counter() - began


def _decided(rows: Sequence[dict[str, Any]], law: Law, now: datetime, settings: Settings) -> tuple[list[Any], list[UpdateOne]]:
    records, writes = [], []
    for row in rows:
        case, steps = decide.advance(law, read_case(row), now)
        facts = [step.fact for step in steps]
        for fact in facts:
            headers = [(name, value.encode()) for name, value in fact.headers().items()]
            records += [
                (topic_name(settings.namespace, topic), fact.data.encode(), fact.subject.encode(), headers) for topic in fact.topics
            ]
        fields = write_case(case) | {"version": row["version"] + 1}
        update = {"$set": fields, "$push": {"history": {"$each": [history_entry(fact.cause, [fact]) for fact in facts]}}}
        writes.append(UpdateOne({"_id": row["_id"], "version": row["version"]}, update))
    return records, writes


async def measure(clocks: int, runs: int, folder: Path) -> None:
    """Fill, then apply calendar after calendar, engine and floor in turn."""
    pack = load_pack("vn")
    law = Law.of(pack)
    per_case = len(opened(law, 0, 1).fields["clocks"])
    cases = -(-clocks // per_case)
    clock_file = folder / "clock"
    from_now_on(clock_file, legal=SENT + timedelta(hours=1), rate=0, until=FAR)
    environment = {"PAKN_NAMESPACE": "law", "PAKN_PACK": "vn", "PAKN_LEGAL_TIME__FILE": str(clock_file), "PAKN_GAUGE_SECONDS": "2"}
    environment |= {"PAKN_DEADLINES__GRACE_SECONDS": "0", "PAKN_DEADLINES__LAW_SECONDS": "1"}
    with Servers.start(folder / "servers", fresh=True, speed=True) as servers:
        figures.print_stack(usage.machine(), servers.description)
        async with stack.running(servers, folder, environment, folder / "logs") as running:
            client = mongo.make_client(running.settings.mongo)
            store = DeadlinesStore(mongo.database(client, "law", "deadlines"))
            # The floor has cases of its own: what it writes is not what a service counts by.
            bare_store = mongo.database(client, "floor", "deadlines")
            for filled in (store, DeadlinesStore(bare_store)):
                await filled.prepare()
                for first in range(0, cases, _BATCH):
                    numbers = range(first, min(first + _BATCH, cases))
                    await filled.cases.save([opened(law, number, running.settings.kafka.partitions) for number in numbers])
            print(f"clocks    {cases * per_case:,} open ones in {cases:,} cases; each run moves all of them by one day", flush=True)
            for number in range(1, runs + 1):
                # Every other run takes the day off away again.
                corrected = with_days_off(law, f"2026-09-z{number}", *[OFF][: number % 2])
                seconds, memory, answers = await engine(running, store, corrected, cases)
                speed = cases * per_case / seconds
                bare = cases * per_case / await floor(running.settings, bare_store, corrected, SENT + timedelta(hours=2))
                print(
                    f"run {number}: engine {speed:,.0f} clocks/s, floor {bare:,.0f}, ratio {speed / bare:.2f};"
                    f" deadlines' peak memory, before and after each quarter: {', '.join(f'{mib:.0f}' for mib in memory)} MiB;"
                    f" answered {len(answers)} questions meanwhile, p50 {answers[len(answers) // 2] * 1000:.0f} ms,"
                    f" longest {answers[-1] * 1000:.0f} ms",
                    flush=True,
                )
            await mongo.close(client)


def bench_law(
    clocks: Annotated[int, typer.Option(min=100, help="running clocks")] = 100_000,
    runs: Annotated[int, typer.Option(min=1, help="measured runs of engine and floor")] = 2,
    folder: Annotated[Path, typer.Option(help="where servers and logs are kept")] = Path(".pakn/bench-law"),
) -> None:
    """Measure how a corrected calendar is applied to many running clocks."""
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "clock").unlink(missing_ok=True)
    try:
        asyncio.run(measure(clocks, runs, folder))
    except (CannotStart, AssertionError, TimeoutError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    typer.run(bench_law)
