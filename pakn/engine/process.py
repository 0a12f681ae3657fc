"""A service as a process: its pages, its broker, its background work, and when it is alive, ready, or must end.

The pages answer from the first second. Kafka and MongoDB connect in the background; readiness says which of them has. With the
role `web` a process runs only what answers HTTP, with `worker` only what reads Kafka and sends, without a role all of it.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from typing import Any, Literal

import uvicorn
from aiokafka import ConsumerRebalanceListener
from aiokafka.errors import KafkaError
from litestar import Litestar, Response, get
from litestar.connection import ASGIConnection
from litestar.datastructures import ResponseHeader
from litestar.handlers import BaseRouteHandler
from litestar.types import ControllerRouterHandler, Guard
from pymongo.errors import PyMongoError

from pakn import metrics
from pakn.engine import kafka, mongo, problems, watchdog
from pakn.engine.http_protocol import server_config
from pakn.engine.isolation import Isolation
from pakn.engine.kafka import OnBatch
from pakn.engine.problems import AnyRequest
from pakn.engine.progress import Progress
from pakn.engine.quarantine_store import QuarantineStore
from pakn.engine.reachability import SERVER_ERRORS, Reachability
from pakn.errors import CannotRun, describe
from pakn.logs import logger
from pakn.settings import Settings
from schemas import Fact
from schemas.topics import ServiceName, TopicName

log = logger(__name__)
_CONNECT_WAIT_MAX = 2.0
_WATCH_SECONDS = 2.0
_STALL_SECONDS = 120.0
_FATAL_STOP_SECONDS = 5.0
# An option of a route that answers without the database; the description of the interface does too.
NO_DATABASE = "no_database"
Job = Callable[[], Awaitable[None]]
Role = Literal["web", "worker"]


class Service:
    """The clients of a service, and what `build` gave it to run. `app` is the ASGI application."""

    def __init__(self, name: ServiceName, settings: Settings, role: Role | None = None) -> None:
        """Connects to nothing."""
        self.name = name
        self.client = mongo.make_client(settings.mongo)
        self.database = mongo.database(self.client, settings.namespace, name)
        # For what a request waits for, and for nothing else: work that takes its time must not be cut.
        self._impatient = mongo.make_client(settings.mongo, settings.mongo.answer_seconds)
        self.http_database = mongo.database(self._impatient, settings.namespace, name)
        self.broker = kafka.make_broker(settings, name)
        self.reachability = Reachability(settings, self._impatient)
        self.isolation = Isolation(settings, name, QuarantineStore(self.database), self.reachability.explains, self.fatal)
        # A turn that is tried again for as long as it may be is no consumer that hangs.
        self.progress = Progress(lambda: self.isolation.waiting, max(_STALL_SECONDS, 2 * settings.retry_seconds))
        self.answers, self.reads = role != "worker", role != "web"
        self.exit_code = 0
        self.prepared = asyncio.Event()
        self.connected = asyncio.Event()
        self.app: Litestar
        self._settings = settings
        self._server: uvicorn.Server | None = None
        self._subscriber: Any = None
        self._tasks: list[asyncio.Task[None]] = []

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

    async def every(self, seconds: float, action: Job) -> None:
        """Run `action` every `seconds`, for ever. After a failure of Kafka or MongoDB the next run is another try."""
        while True:
            try:
                await action()
            except SERVER_ERRORS as error:
                if not await self.reachability.explains(error):
                    name = getattr(action, "func", action).__name__
                    log.warning("periodic_work_failed", action=name, error=describe(error))
            await asyncio.sleep(seconds)

    def subscribe(
        self, topics: Iterable[str], on_batch: OnBatch, listener: ConsumerRebalanceListener | None = None, gather_ms: int = 0
    ) -> None:
        """Read `topics` as `kafka.subscribe` does, with `on_batch` returning when its batch is committed; not in the web."""
        if self.reads:
            handle = self.progress.tracking(on_batch)
            self._subscriber = self.isolation.subscribe(self.broker, topics, handle, listener, gather_ms)

    @property
    def consumer(self) -> Any:
        """The client library's consumer; none before it is connected, and in the web."""
        return self._subscriber.consumer if self._subscriber is not None else None

    def build(
        self,
        prepare: Job,
        jobs: Sequence[Job] = (),
        routes: Sequence[ControllerRouterHandler] = (),
        *,
        guards: Sequence[Guard] = (),
        **litestar_options: Any,
    ) -> "Service":
        """Wire the pages and the lifespan; connects to nothing.

        `prepare` makes the database ready, and `jobs` run from then on. `routes` need the database, and a worker has none of
        them; `guards` stand before every page. Raises ValueError for a web without routes.
        """
        if not self.reads and not routes:
            raise ValueError(f"{self.name} answers nothing by HTTP: run it without --role, or with --role worker")
        self._prepare = prepare
        self._jobs = [*([self.isolation.run] if self.reads else []), *jobs]
        self.app = Litestar(
            [*self._pages(), *(routes if self.answers else ())],
            guards=[self._check_database, *guards],
            lifespan=[self._lifespan],
            plugins=[problems.plugin(self.reachability.suspect)],
            logging_config=None,
            # Answers hold secrets and what citizens wrote; no proxy or browser is to keep them.
            response_headers=[ResponseHeader(name="Cache-Control", value="no-store")],
            **({"openapi_config": None} | (litestar_options if self.answers else {})),
        )
        return self

    def run(self) -> int:
        """Serve until a signal or a fatal error; returns the exit code."""
        self._server = uvicorn.Server(server_config(self.app, self._settings.http, self._settings.port(self.name)))
        self._server.run()
        return self.exit_code or (0 if self._server.started else 1)

    @contextlib.asynccontextmanager
    async def _lifespan(self, _app: Litestar) -> AsyncGenerator[None, None]:
        # Where tests run a service inside their own process, nobody ends that.
        watched = [asyncio.create_task(self._guarded(watchdog.watch), name="watchdog")] if self._server is not None else []
        self._tasks = [
            *watched,
            asyncio.create_task(self._guarded(self.reachability.run), name="reachability"),
            asyncio.create_task(self._guarded(self._connect), name="connect"),
        ]
        try:
            yield
        finally:
            await self._end_tasks()
            try:
                await asyncio.wait_for(self.broker.stop(), _FATAL_STOP_SECONDS if self.exit_code else None)
            except TimeoutError:
                # After a fatal error the batch in hand never ends; its partitions are to go to another instance at once.
                with contextlib.suppress(TimeoutError, KafkaError):
                    await asyncio.wait_for(self.consumer.stop() if self.consumer else asyncio.sleep(0), _FATAL_STOP_SECONDS)
            await self.isolation.let_go()
            self.reachability.close()
            await mongo.close(self._impatient)
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
        if self.reads:
            self._tasks.append(asyncio.create_task(self._guarded(self._watch), name="watch"))

    async def _until_done(self, what: str, action: Job, transient: tuple[type[Exception], ...]) -> None:
        wait, said = 0.2, ""
        while True:
            try:
                await action()
            except transient as error:
                if not await self.reachability.explains(error) and said != describe(error):
                    said = describe(error)
                    log.warning("not_connected", to=what, error=said)
                await asyncio.sleep(wait)
                wait = min(wait * 2, _CONNECT_WAIT_MAX)
            else:
                return

    async def _join(self) -> None:
        read = [TopicName.parse(name).topic for name in self._subscriber.topic_names] if self._subscriber is not None else []
        await kafka.check_topics(self._settings, read)
        # The library would start its reading loop anew in this process, behind what it had fetched and lost.
        os.environ["FASTSTREAM_SUPERVISOR_DISABLED"] = "1"
        try:
            await self.broker.start()
            for task in self._subscriber.tasks if self._subscriber is not None else ():
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
        """Measure the lag, and end a process whose consumer has stopped without saying so."""
        while True:
            try:
                await asyncio.wait_for(self.progress.measure(self.consumer), 10)
            except (KafkaError, OSError) as error:
                # While Kafka is away nothing can be handled; that is no sign of a consumer that hangs.
                self.progress.excuse()
                if not await self.reachability.explains(error):
                    log.warning("lag_not_measured", error=describe(error))
            if self.reachability.away:
                self.progress.excuse()
            elif self.progress.is_stalled:
                self.isolation.blame()
                self.fatal(f"no batch was handled for {self.progress.stall_seconds:.0f} s while records wait")
                return
            await asyncio.sleep(_WATCH_SECONDS)

    async def _check_database(self, connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        """Refuse at once what would only wait for a database that is known to be away."""
        config = self.app.openapi_config
        needs_none = handler.opt.get(NO_DATABASE) or (config and connection.url.path.startswith(config.path or "/schema"))
        if needs_none:
            return
        if not self.prepared.is_set() or "mongodb" in self.reachability.away:
            raise problems.away("mongodb")

    def _pages(self) -> list[ControllerRouterHandler]:
        @get("/live", include_in_schema=False, opt={NO_DATABASE: True})
        async def live() -> dict[str, str]:
            return {"service": self.name, "status": "alive"}

        @get("/ready", include_in_schema=False, opt={NO_DATABASE: True})
        async def ready() -> Response[dict[str, Any]]:
            database = self.prepared.is_set() and self.reachability.is_up("mongodb")
            reached = self.connected.is_set() and self.reachability.is_up("kafka")
            state: dict[str, Any] = {"service": self.name, "database": database, "kafka": reached, "away": self.reachability.away}
            if not self.reads:
                # What is taken in while Kafka is away is published later, so requests are to come all the same.
                return Response(state, status_code=200 if database else 503)
            state |= {
                "partitions": len(self.consumer.assignment()) if self.consumer else 0,
                "lag": self.progress.lag,
                "seconds_since_progress": round(self.progress.seconds, 1),
            }
            ok = database and reached and self.progress.seconds < self.progress.stall_seconds
            return Response(state, status_code=200 if ok else 503)

        @get("/metrics", include_in_schema=False, opt={NO_DATABASE: True}, sync_to_thread=False)
        def exposition(request: AnyRequest) -> Response[bytes]:
            content, media_type = metrics.exposition(self.name, request.headers.get("Accept", ""))
            # As a header, since the library would name the charset once more.
            return Response(content, headers={"Content-Type": media_type})

        return [live, ready, exposition]
