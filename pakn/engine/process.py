"""A service as a process: its pages, its broker, its background work, and when it is alive, ready, or must end.

The pages answer from the first second. Kafka and MongoDB connect in the background; readiness says which of them has.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any

import uvicorn
from aiokafka.errors import KafkaError
from litestar import Litestar, Response, get
from litestar.datastructures import ResponseHeader
from litestar.types import ControllerRouterHandler
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from pymongo.errors import PyMongoError

from pakn import metrics
from pakn.engine import kafka, mongo, problems
from pakn.engine.isolation import Isolation
from pakn.engine.kafka import Record
from pakn.engine.quarantine_store import QuarantineStore
from pakn.errors import CannotRun, describe
from pakn.logs import logger
from pakn.settings import HttpSettings, Settings, networks
from schemas import Fact
from schemas.topics import ServiceName, TopicName

log = logger(__name__)
_CONNECT_WAIT_MAX = 10.0
_WATCH_SECONDS = 2.0
# A consumer of the client library can hang after a broker restart without a sign. When records wait and none is
# handled for so long, a fresh process is the cure.
_STALL_SECONDS = 120.0
_FATAL_STOP_SECONDS = 5.0
Job = Callable[[], Awaitable[None]]


def server_config(app: Any, settings: HttpSettings, port: int) -> uvicorn.Config:
    """How the ASGI application `app` is served on this port."""
    return uvicorn.Config(
        app,
        host=settings.host,
        port=port,
        log_config=None,
        access_log=False,
        # The library believes 127.0.0.1 by itself; here nobody is believed who is not named.
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=[str(network) for network in networks(settings.trusted_proxies)],
        lifespan="on",
        timeout_graceful_shutdown=5,
    )


class Service:
    """The clients of a service, and what `build` gave it to run. `app` is the ASGI application."""

    def __init__(self, name: ServiceName, settings: Settings) -> None:
        """Connects to nothing."""
        self.name = name
        self.client = mongo.make_client(settings.mongo)
        self.database = mongo.database(self.client, settings.namespace, name)
        self.broker = kafka.make_broker(settings, name)
        self.isolation = Isolation(settings, name, QuarantineStore(self.database))
        self.exit_code = 0
        self.prepared = asyncio.Event()
        self.connected = asyncio.Event()
        self.app: Litestar
        self._settings = settings
        self._server: uvicorn.Server | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._idle_or_done_at = time.monotonic()
        self._lag = 0

    def fatal(self, reason: str, of_records: BaseException | None = None) -> None:
        """End this process with exit code 1. A new process takes up what this one could not finish.

        `of_records`: the error that came of reading or handling records, which may answer for this end.
        """
        if of_records is not None:
            self.isolation.blame(of_records)
        log.error("fatal", reason=reason)
        self.exit_code = 1
        if self._server is not None:
            self._server.should_exit = True

    async def publish(self, facts: Sequence[Fact]) -> None:
        """Publish facts, with the promise of `kafka.publish`."""
        await kafka.publish(self.broker, self._settings.namespace, facts)

    def build(
        self,
        subscriber: Any,
        prepare: Job,
        jobs: Sequence[Job] = (),
        routes: Sequence[ControllerRouterHandler] = (),
        *,
        ready_without_kafka: bool = False,
        **litestar_options: Any,
    ) -> "Service":
        """Wire the pages and the lifespan; connects to nothing.

        `prepare` makes the database ready, and `jobs` run from then on. `ready_without_kafka`: it takes requests while Kafka
        is away.
        """
        self._subscriber = subscriber
        self._prepare = prepare
        self._jobs = [self.isolation.run, *jobs]
        self._ready_without_kafka = ready_without_kafka
        self.app = Litestar(
            [*self._pages(), *routes],
            lifespan=[self._lifespan],
            plugins=[problems.plugin()],
            logging_config=None,
            # Answers hold secrets and what citizens wrote; no proxy or browser is to keep them.
            response_headers=[ResponseHeader(name="Cache-Control", value="no-store")],
            **({"openapi_config": None} | litestar_options),
        )
        return self

    def run(self) -> int:
        """Serve until a signal or a fatal error; returns the exit code."""
        self._server = uvicorn.Server(server_config(self.app, self._settings.http, self._settings.port(self.name)))
        self._server.run()
        return self.exit_code or (0 if self._server.started else 1)

    @contextlib.asynccontextmanager
    async def _lifespan(self, _app: Litestar) -> AsyncGenerator[None, None]:
        self._tasks = [asyncio.create_task(self._guarded(self._connect), name="connect")]
        try:
            yield
        finally:
            await self._end_tasks()
            with contextlib.suppress(TimeoutError):
                # After a fatal error the batch in hand never ends; its partitions are to go to another instance at once.
                await asyncio.wait_for(self.broker.stop(), _FATAL_STOP_SECONDS if self.exit_code else None)
            await self.isolation.let_go()
            await mongo.close(self.client)

    async def _end_tasks(self) -> None:
        """Cancel until all have ended: a client library that is cancelled while it connects may answer with its own error,
        which is tried again like any other, and the process would never end."""
        while running := [task for task in self._tasks if not task.done()]:
            for task in running:
                task.cancel()
            await asyncio.wait(running, timeout=1)

    async def _connect(self) -> None:
        """Prepare the database, then join Kafka. Each is retried until it answers; readiness is false until then."""
        await self._until_done("mongo", self._prepare, (PyMongoError,))
        self.prepared.set()
        self._tasks += [asyncio.create_task(self._guarded(job), name=getattr(job, "__name__", "job")) for job in self._jobs]
        await self._until_done("kafka", self._join, (KafkaError, OSError))
        self.connected.set()
        self._tasks.append(asyncio.create_task(self._guarded(self._watch), name="watch"))

    async def _until_done(self, what: str, action: Job, transient: tuple[type[Exception], ...]) -> None:
        wait = 0.2
        while True:
            try:
                await action()
            except transient as error:
                log.warning("not_connected", to=what, error=describe(error), again_in_seconds=wait)
                await asyncio.sleep(wait)
                wait = min(wait * 2, _CONNECT_WAIT_MAX)
            else:
                return

    async def _join(self) -> None:
        read = [TopicName.parse(name).topic for name in self._subscriber.topic_names]
        await kafka.check_topics(self._settings, read)
        # The library would start its reading loop anew in this process, behind what it had fetched and lost.
        os.environ["FASTSTREAM_SUPERVISOR_DISABLED"] = "1"
        try:
            await self.broker.start()
            for task in self._subscriber.tasks:
                task.add_done_callback(self._reading_ended)
        except BaseException:
            # A half-started broker holds a producer or a consumer; the next attempt needs a clean one.
            await self.broker.stop()
            raise

    def _reading_ended(self, task: asyncio.Task[Any]) -> None:
        """Nothing that leaves the library's reading loop may lead to a commit: a new process reads from what is committed."""
        if not task.cancelled() and (error := task.exception()):
            self.fatal(f"the reading of Kafka ended: {describe(error)}", error)

    async def _guarded(self, job: Job) -> None:
        try:
            await job()
        except CannotRun as error:
            self.fatal(str(error))
        except Exception as error:  # A background job that died would leave a service that only looks alive.
            log.exception("job_failed")
            self.fatal(f"a background job failed: {describe(error)}")

    async def _watch(self) -> None:
        """Measure the lag, see whether Kafka answers, and end a process whose consumer has stopped without saying so."""
        while True:
            try:
                await asyncio.wait_for(self._measure_lag(), 10)
            except (KafkaError, OSError) as error:
                # While Kafka is away nothing can be handled; that is no sign of a consumer that hangs.
                if self.connected.is_set():
                    log.warning("kafka_lost", error=type(error).__name__)
                self.connected.clear()
                self.note_progress()
            else:
                self.connected.set()
            if time.monotonic() - self._idle_or_done_at > _STALL_SECONDS:
                self.isolation.blame()
                self.fatal(f"no batch was handled for {_STALL_SECONDS:.0f} s while records wait")
                return
            await asyncio.sleep(_WATCH_SECONDS)

    async def _measure_lag(self) -> None:
        consumer = self._subscriber.consumer
        assigned = list(consumer.assignment()) if consumer is not None else []
        metrics.partitions_assigned.set(len(assigned))
        ends = await consumer.end_offsets(assigned) if assigned else {}
        lags = {partition: max(end - await consumer.position(partition), 0) for partition, end in ends.items()}
        metrics.consumer_lag.clear()
        for partition, lag in lags.items():
            metrics.consumer_lag.labels(partition.topic, partition.partition).set(lag)
        # What waits for an operator, or for what is away, is no sign of a consumer that hangs.
        waiting = self.isolation.waiting
        self._lag = sum(lag for partition, lag in lags.items() if partition not in waiting)
        if self._lag == 0:
            self.note_progress()
            metrics.last_progress.set_to_current_time()

    def note_progress(self, _records: Sequence[Record] = ()) -> None:
        """Record that a batch was committed, or that no record waits."""
        self._idle_or_done_at = time.monotonic()

    def _pages(self) -> list[ControllerRouterHandler]:
        @get("/live", include_in_schema=False)
        async def live() -> dict[str, str]:
            return {"service": self.name, "status": "alive"}

        @get("/ready", include_in_schema=False)
        async def ready() -> Response[dict[str, Any]]:
            consumer = self._subscriber.consumer
            seconds = time.monotonic() - self._idle_or_done_at
            state = {
                "service": self.name,
                "database": self.prepared.is_set(),
                "kafka": self.connected.is_set(),
                "partitions": len(consumer.assignment()) if consumer else 0,
                "lag": self._lag,
                "seconds_since_progress": round(seconds, 1),
            }
            kafka_ok = self.connected.is_set() or self._ready_without_kafka
            ok = self.prepared.is_set() and kafka_ok and seconds < _STALL_SECONDS
            return Response(state, status_code=200 if ok else 503)

        @get("/metrics", include_in_schema=False, sync_to_thread=False)
        def exposition() -> Response[bytes]:
            return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

        return [live, ready, exposition]


async def every(seconds: float, action: Job) -> None:
    """Run `action` every `seconds`, for ever. A failure of Kafka or MongoDB is logged, and the next run retries."""
    while True:
        try:
            await action()
        except (PyMongoError, KafkaError, OSError) as error:
            log.warning("periodic_work_failed", action=getattr(action, "func", action).__name__, error=describe(error))
        await asyncio.sleep(seconds)
