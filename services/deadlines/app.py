"""Puts deadlines together: the only file of this service that picks concrete classes."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Final, get_args

from faststream.kafka import KafkaMessage

from pakn import metrics
from pakn.engine.case_handler import CaseHandler
from pakn.engine.kafka import Record
from pakn.engine.process import Job, Role, Service
from pakn.engine.received import Received
from pakn.engine.turn import Turn
from pakn.errors import CannotRun
from pakn.legal_time import LegalTime, make_legal_time
from pakn.packs.load import Pack, load_pack
from pakn.settings import Settings
from schemas import Fact, topics
from schemas.values import RuleName
from services.deadlines.clocks import decide
from services.deadlines.clocks.clock import Case
from services.deadlines.doors import http
from services.deadlines.lawbook import Lawbook, lead
from services.deadlines.store import DeadlinesStore, read_case, write_case
from services.deadlines.timers.backlog import Backlog
from services.deadlines.timers.ticker import Ownership, Ticker

NAME: Final = "deadlines"


def build_app(settings: Settings, role: Role | None = None, *, time: LegalTime | None = None, pack: Pack | None = None) -> Service:
    """Wire the service; connects to nothing. Raises PackError when the pack has faults."""
    pack = pack or load_pack(settings.pack)
    time = time or make_legal_time(settings.legal_time.file)
    service = Service(NAME, settings, role)
    store = DeadlinesStore(service.database)
    lawbook = Lawbook(pack, store, time, lead(settings.deadlines.law_seconds))
    ownership = Ownership()

    def progress(records: Sequence[Record]) -> None:
        ownership.note(records)
        service.progress.note(records)

    backlog = Backlog(settings, lambda: [agency.id for agency in pack.agencies_not_ended(time.now().date())])
    ticker = Ticker(
        lawbook,
        store,
        service.publish,
        time,
        ownership,
        backlog,
        consumer=lambda: service.consumer,
        grace=timedelta(seconds=settings.deadlines.grace_seconds),
        batch=settings.deadlines.batch,
    )

    def decided(case: Case | None, received: Received) -> tuple[Case | None, list[Fact]]:
        return decide.apply_event(lawbook.up_to_date(), case, received.event, received.envelope.id, received.partition)

    handler = CaseHandler(store.cases, decided, read_case, write_case)
    explains = service.reachability.explains
    turn = Turn(settings, NAME, service.broker, handler, decide.WANTED, progress, explains=explains)

    async def on_message(message: KafkaMessage) -> None:
        async with ticker.turn_lock:
            await turn.on_message(message)

    service.subscribe(topics.read_by(NAME, (), ()), on_message, ownership)

    async def prepare() -> None:
        await store.prepare()
        await lawbook.prepare()
        if unknown := lawbook.current().unknown(await store.counts_in_use()):
            raise CannotRun(
                f"running clocks were counted by what neither the database nor pack {pack.id} has: {', '.join(unknown)}"
                " (calendar|rule set|revision); put it back into the pack"
            )

    async def ticking() -> None:
        await service.connected.wait()
        try:
            await service.every(settings.deadlines.tick_seconds, ticker.tick)
        finally:
            await backlog.close()

    kinds = [f"{rule}:{state}" for rule in get_args(RuleName) for state in ("open", "late", "uncounted")]

    async def measure() -> None:
        for kind, count in (await store.count_running(kinds)).items():
            rule, _, state = kind.partition(":")
            metrics.clocks.labels(rule, state).set(count)

    jobs: list[Job] = [partial(service.every, settings.deadlines.law_seconds, lawbook.read)]
    if service.reads:
        jobs += [ticking, partial(service.every, settings.gauge_seconds, measure)]
    # A request does not wait for a database that is away.
    return service.build(prepare, jobs, http.routes(lawbook, DeadlinesStore(service.http_database)))
