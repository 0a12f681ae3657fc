"""Services inside the test's process, on real servers, in a namespace of their own, with the outside world around them.

`tests/integration/` uses it where a service must be stopped, started and looked into; `tests/faults/` and `tests/e2e/`
run real processes instead.
"""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Self

import httpx
import stamina
import uvicorn
from aiokafka import AIOKafkaProducer
from pydantic import SecretStr
from pymongo.errors import AutoReconnect
from uvicorn.lifespan.on import LifespanOn

from pakn.engine import mongo
from pakn.engine.kafka_login import client_options
from pakn.engine.process import Role, Service
from pakn.legal_time import from_now_on, machine_now
from pakn.local.launcher import Servers
from pakn.logins import AccessSettings, SigningKey
from pakn.operations import access
from pakn.operations.evidence import letters_waiting
from pakn.operations.mongo_access import give_users
from pakn.operations.topics import provision
from pakn.packs.load import load_pack
from pakn.settings import DeadlinesSettings, IntakeSettings, LegalTimeSettings, NotifySettings, Settings
from schemas import topics
from services.intake.doors.tokens import SCOPES, Bearer, Kind, Scope, sign
from tests.support import packs
from tests.support.outside_world import GOOD, MAX_BYTES, Observer, Poster, until, until_empty

SECRET_KEY = "a secret key of the tests, longer than 32 characters"
TOKEN_KEY = SigningKey(id="new", secret=SecretStr("a key of the tests that signs tokens today"))
OLD_TOKEN_KEY = SigningKey(id="old", secret=SecretStr("a key of the tests that signed tokens before"))
# A Monday without days off around it; long before the packs' calendars end.
START = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
FAR = datetime(2100, 1, 1, tzinfo=UTC)
BUILDERS: dict[str, Callable[..., Service]] = {
    name: import_module(f"services.{name}.app").build_app for name in ("intake", "routing", "deadlines", "notify")
}


def make_settings(servers: Servers, namespace: str, clock_file: Path, **more: Any) -> Settings:
    """Settings with short waits; the legal clock is a file, so no test depends on the day it runs on."""
    return Settings(
        namespace=namespace,
        pack=str(packs.FOLDER),
        retry_seconds=30,
        gauge_seconds=2,
        kafka=servers.kafka(partitions=3, session_seconds=3),
        access=AccessSettings.model_validate(dict.fromkeys(AccessSettings.model_fields, "a password of the tests")),
        mongo=servers.mongo(),
        legal_time=LegalTimeSettings(file=clock_file),
        intake=IntakeSettings.model_validate(
            {"secret_key": SECRET_KEY, "token_keys": (TOKEN_KEY, OLD_TOKEN_KEY), "sweep_seconds": 0.5}
        ),
        deadlines=DeadlinesSettings(tick_seconds=0.1, grace_seconds=0, law_seconds=0.5),
        notify=NotifySettings(tick_seconds=0.1, backoff_seconds=0.2, letters_per_address=0, letters_per_unconfirmed=0),
    ).model_copy(update=more)


def server_environment(settings: Settings) -> dict[str, str]:
    """The variables by which a process reaches the same servers with the same logins."""
    kafka, database = settings.kafka, settings.mongo
    values = {
        "KAFKA__BOOTSTRAP": kafka.bootstrap,
        "KAFKA__SECURITY_PROTOCOL": kafka.security_protocol,
        "KAFKA__MECHANISM": kafka.mechanism,
        "MONGO__URI": database.uri.get_secret_value(),
    }
    if database.username and database.password:
        values |= {"MONGO__USERNAME": database.username, "MONGO__PASSWORD": database.password.get_secret_value()}
    if kafka.username and kafka.password:
        values |= {"KAFKA__USERNAME": kafka.username, "KAFKA__PASSWORD": kafka.password.get_secret_value()}
    return {f"PAKN_{name}": value for name, value in values.items()}


def as_service(settings: Settings, service: str) -> Settings:
    """The settings with the logins of a service, as each has its own; servers without logins are reached as before."""
    login = {"username": f"{settings.namespace}.{service}", "password": getattr(settings.access, service)}
    kafka, database = settings.kafka, settings.mongo
    if kafka.security_protocol.startswith("SASL"):
        kafka = kafka.model_copy(update=login | {"mechanism": "SCRAM-SHA-512"})
    if database.username:
        database = database.model_copy(update=login)
    return settings.model_copy(update={"kafka": kafka, "mongo": database})


class World:
    """A namespace on real servers, empty at first: its legal clock, its documents, an `observer` of every topic and a `post`."""

    def __init__(self, settings: Settings) -> None:
        assert settings.legal_time.file is not None
        self.settings = settings
        self.pack = load_pack(settings.pack)
        self.clock_file = settings.legal_time.file
        self.set_clock(START)

    async def __aenter__(self) -> Self:
        agencies = [agency.id for agency in self.pack.agencies_not_ended(START.date())]
        specs = topics.all_topics(agencies, [portal.id for portal in self.pack.header.portals])
        await provision(self.settings)
        if self.settings.mongo.username:
            await give_users(self.settings, access.passwords(self.settings))
        kafka, namespace = self.settings.kafka, self.settings.namespace
        producer = AIOKafkaProducer(**client_options(kafka), enable_idempotence=True, max_request_size=MAX_BYTES, linger_ms=2)
        self.client = mongo.make_client(self.settings.mongo)
        async with contextlib.AsyncExitStack() as stack:
            self.observer = await stack.enter_async_context(Observer(kafka, namespace, [spec.name for spec in specs]))
            self.post = Poster(await stack.enter_async_context(producer), namespace)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        for name in BUILDERS:
            # Where the server was away in a test, its client may cancel what is asked of it right after that.
            async for attempt in stamina.retry_context(on=AutoReconnect, attempts=5):
                with attempt:
                    await self.client.drop_database(f"{self.settings.namespace}_{name}")
        await mongo.close(self.client)
        await self._stack.aclose()

    def set_clock(self, legal: datetime, rate: float = 0) -> None:
        """From now on the legal time is `legal`, standing still or running at `rate`."""
        from_now_on(self.clock_file, legal=legal, rate=rate, until=FAR)

    def documents(self, service: str) -> Any:
        """The database of a service, to look into."""
        return mongo.database(self.client, self.settings.namespace, service)


def bearer(
    kind: Kind,
    party: str,
    *scopes: Scope,
    days: float = 1,
    key: SigningKey = TOKEN_KEY,
    token_id: str = "token-1",
    officer: str | None = None,
) -> str:
    """A token that an agency or a portal sends, for everything by default."""
    now = machine_now()
    return sign(key, Bearer(kind, party, token_id, now, officer), now + timedelta(days=days), scopes or SCOPES[kind])


async def owns(http: httpx.AsyncClient, url: str = "") -> bool:
    """Whether a service is connected and, where it reads, has partitions."""
    with contextlib.suppress(httpx.TransportError):
        answer = await http.get(f"{url}/ready")
        # A web reads nothing and owns none.
        return answer.status_code == 200 and answer.json()["kafka"] and answer.json().get("partitions", 1) > 0
    return False


class System(World):
    """One deployment. `start` and `stop` services by name; `http` is intake's."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.services: dict[str, Service] = {}
        self.https: dict[str, httpx.AsyncClient] = {}
        self._open: dict[str, contextlib.AsyncExitStack] = {}

    async def __aexit__(self, *_: object) -> None:
        await self.stop(*list(self._open))
        await super().__aexit__()

    async def start(self, *names: str, role: Role | None = None, **doubles: Any) -> None:
        """Build and run services, and return when they are connected and own partitions.

        With a role each is known by both, as `intake-worker`, but for a web, which has its service's name.
        """
        started = [f"{name}-worker" if role == "worker" else name for name in names]
        for name, called in zip(started, names, strict=True):
            stack = self._open[name] = contextlib.AsyncExitStack()
            service = self.services[name] = BUILDERS[called](as_service(self.settings, called), role, **doubles)
            # What the server of a service does, without a socket.
            lifespan = LifespanOn(uvicorn.Config(service.app, lifespan="on", log_config=None))
            await lifespan.startup()
            assert not lifespan.should_exit, f"{name} does not start; its log says why"
            stack.push_async_callback(lifespan.shutdown)
            # As behind a real server, an error of the application is an answer and not an exception here.
            transport = httpx.ASGITransport(service.app, raise_app_exceptions=False)  # type: ignore[arg-type]
            client = httpx.AsyncClient(transport=transport, base_url="http://service", timeout=30)
            self.https[name] = await stack.enter_async_context(client)
        await asyncio.gather(*(until(partial(owns, self.https[name]), f"{name} is ready") for name in started))

    async def stop(self, *names: str) -> None:
        """End services as a signal does."""
        await asyncio.gather(*(self._open.pop(name).aclose() for name in names))
        for name in names:
            assert self.services.pop(name).exit_code == 0, f"{name} gave up; its log says why"

    async def measures(self, name: str, series: str) -> bool:
        """Whether a service has this line among its metrics: a series and its value."""
        return series in (await self.https[name].get("/metrics")).text.splitlines()

    @property
    def http(self) -> httpx.AsyncClient:
        """Intake, the citizens' side."""
        return self.https["intake"]

    async def snapshot(self, *services: str) -> dict[str, list[Any]]:
        """All documents of services, by collection: what must not change where nothing new happens."""
        found: dict[str, list[Any]] = {}
        for service in services or tuple(BUILDERS):
            database = self.documents(service)
            for name in sorted(await database.list_collection_names()):
                # An instance's mark is its sign of life, and chunks of files are large.
                if name not in ("outbox_marks", "fs.chunks"):
                    found[f"{service}.{name}"] = await database[name].find({}).sort("_id", 1).to_list(None)
        return found

    async def submit(self, headers: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
        """Submit a feedback in order, changed by `more`, and return the answer."""
        answer = await self.http.post("/v1/feedback", json=GOOD | more, headers=headers)
        assert answer.status_code in (200, 201), answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def assigned(self, agency: str = "gia-lai", **more: Any) -> dict[str, Any]:
        """Submit a feedback and wait until the agency has it in its own topic."""
        body = await self.submit(**more)
        await self.observer.wait("FeedbackAssigned", topic=f"assignments.{agency}", subject=body["feedback_id"])
        return body

    async def timed(self, agency: str = "gia-lai", **more: Any) -> dict[str, Any]:
        """Submit a feedback and wait until the clock for its reply runs."""
        body = await self.assigned(agency, **more)
        await self.observer.wait_clock("set", subject=body["feedback_id"], rule="handle_reply")
        return body

    async def senders_act(self, body: dict[str, Any], path: str, act: dict[str, Any]) -> None:
        """Rate or supplement a feedback as its sender."""
        headers = {"X-Lookup-Secret": body["lookup_secret"]}
        answer = await self.http.post(f"/v1/feedback/{body['code']}/{path}", json=act, headers=headers)
        assert answer.status_code == 202, answer.text

    async def view(self, body: dict[str, Any], *, secret: bool = False) -> dict[str, Any]:
        """What intake shows of a feedback."""
        headers = {"X-Lookup-Secret": body["lookup_secret"]} if secret else {}
        answer = await self.http.get(f"/v1/feedback/{body['code']}", headers=headers)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def shows(self, body: dict[str, Any], state: str) -> dict[str, Any]:
        """Wait until intake shows this state."""

        async def there() -> dict[str, Any]:
            found = await self.view(body)
            return found if found["state"] == state else {}

        return await until(there, f"intake shows {state}")

    async def settled(self, *names: str) -> None:
        """Wait until services have handled and committed everything in their topics, and the observer has read what they made."""
        for name in names or tuple(self.services):
            await until(partial(self._handled_all, name), f"{name} has handled everything")
        await self.observer.all_read()

    async def _handled_all(self, name: str) -> bool:
        consumer = self.services[name].consumer
        partitions = list(consumer.assignment())
        ends = await consumer.end_offsets(partitions)
        return bool(partitions) and all([(await consumer.committed(p) or 0) >= end for p, end in ends.items()])

    async def letters_settled(self) -> None:
        """Wait until no letter waits to be sent or announced."""
        await until_empty(lambda: letters_waiting(self.client, self.settings.namespace), "no letter waits")
