"""How the four services are put together, without any server: what reaches the Kafka client, and what the pages answer.

The defaults of FastStream on Kafka are at most once: acknowledged before handling, `latest` for a new group, `acks=1`.
What is passed to the client library itself is compared here, since an option can be lost on the way to it.
"""

import asyncio
import subprocess
import sys
import threading
from collections import Counter, defaultdict
from functools import partial
from typing import Any, get_args
from unittest.mock import AsyncMock, Mock

import aiokafka
import aiokafka.admin.client
import pytest
from faststream import AckPolicy
from litestar import get
from litestar.exceptions import HTTPException
from litestar.testing import TestClient
from pymongo.errors import AutoReconnect

from pakn.contracts import files
from pakn.engine.process import NO_DATABASE, Role, Service
from pakn.logins import KafkaSettings, MongoSettings
from pakn.settings import IntakeSettings, Settings
from schemas import topics
from schemas.topics import ServiceName
from tests.support import packs
from tests.support.system import BUILDERS, SECRET_KEY

NAMES: tuple[ServiceName, ...] = get_args(ServiceName)
each_service = pytest.mark.parametrize("name", NAMES)


def build(name: ServiceName, driver: str = "pymongo", role: Role | None = None) -> Service:
    """A service on addresses at which nothing answers."""
    settings = Settings(
        namespace="wiring",
        pack=str(packs.FOLDER),
        kafka=KafkaSettings(bootstrap="127.0.0.1:1"),
        mongo=MongoSettings.model_validate({"uri": "mongodb://127.0.0.1:1/", "driver": driver}),
        intake=IntakeSettings.model_validate({"secret_key": SECRET_KEY}),
    )
    return BUILDERS[name](settings, role)


def jobs(service: Service) -> Counter[str]:
    """The background work of a service, by the names of its functions."""
    return Counter(inner(job) for job in service._jobs)


def inner(job: Any) -> str:
    """The name of what a job does, again and again or once."""
    again = isinstance(job, partial) and callable(job.args[-1])
    return str(inner(job.args[-1]) if again else getattr(job, "func", job).__qualname__)


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> dict[str, Mock]:
    """What stands for aiokafka's clients from here on, by kind: it connects to nothing and gives nothing."""
    client = AsyncMock(subscribe=Mock(), getmany=AsyncMock(side_effect=asyncio.Event().wait))
    kinds = {kind: Mock(return_value=client) for kind in ("consumer", "producer", "admin")}
    monkeypatch.setattr(aiokafka, "AIOKafkaConsumer", kinds["consumer"])
    monkeypatch.setattr(aiokafka, "AIOKafkaProducer", kinds["producer"])
    monkeypatch.setattr(aiokafka.admin.client, "AIOKafkaAdminClient", kinds["admin"])
    return kinds


async def started(name: ServiceName) -> Service:
    service = build(name)
    broker = service.broker
    await broker.start()
    await broker.stop()
    return service


@each_service
async def test_a_consumer_loses_nothing_and_passes_over_nothing(name: ServiceName, clients: dict[str, Mock]) -> None:
    """Committed after handling only, by hand; a new group begins at the oldest record."""
    service = await started(name)
    (subscriber,) = service.broker.subscribers
    assert subscriber is service._subscriber
    assert subscriber.ack_policy is AckPolicy.MANUAL
    assert type(subscriber).__name__.startswith("Batch")
    clients["consumer"].assert_called_once()
    options = clients["consumer"].call_args.kwargs | clients["consumer"].return_value.subscribe.call_args.kwargs
    assert options["group_id"] == f"wiring.{name}"
    assert options["enable_auto_commit"] is False
    assert options["auto_offset_reset"] == "earliest"
    assert options["isolation_level"] == "read_committed"
    assert options["max_partition_fetch_bytes"] >= 8 * 1024 * 1024
    assert options["max_poll_interval_ms"] > service._settings.retry_seconds * 1000
    assert all(topic.startswith("wiring.") for topic in options["topics"])
    assert not options["pattern"]


@each_service
async def test_a_producer_waits_for_all_replicas_keeps_the_order_and_makes_no_topic(
    name: ServiceName, clients: dict[str, Mock]
) -> None:
    """With acks=1 a broker that dies takes acknowledged facts with it; without idempotence a retry can overtake."""
    service = await started(name)
    clients["producer"].assert_called_once()
    options = clients["producer"].call_args.kwargs
    assert options["acks"] == "all"
    assert options["enable_idempotence"] is True
    assert options["transactional_id"] is None
    assert options["max_request_size"] >= 8 * 1024 * 1024
    # The library would make what is missing with one partition and one replica, and so break the order for ever.
    assert service.broker.config.allow_auto_create_topics is False
    clients["admin"].return_value.create_topics.assert_not_called()


def test_each_group_reads_its_own_topics_and_together_they_read_all_that_others_write() -> None:
    """Two members of one group with different topics would each be given partitions that only the other can read."""
    groups: dict[str, list[frozenset[str]]] = defaultdict(list)
    subscriber: Any
    for name in NAMES:
        for subscriber in build(name).broker.subscribers:
            assert subscriber.group_id
            groups[subscriber.group_id].append(frozenset(topic.removeprefix("wiring.") for topic in subscriber.topic_names))
    assert all(len(set(read)) == 1 for read in groups.values())
    read = {group.removeprefix("wiring."): both[0] for group, both in groups.items()}
    assert {name: topics.FEEDBACK in read[name] for name in NAMES} == dict.fromkeys(NAMES, True)
    of_others = {name for name in read["intake"] - {topics.FEEDBACK} if not name.startswith("files.")}
    assert of_others == {topics.inbox(portal.id) for portal in packs.VN.header.portals}
    assert all(topic.startswith("actions.") for topic in read["routing"] - {topics.FEEDBACK, topics.MATTERS})
    assert [name for name in NAMES if topics.MATTERS in read[name]] == ["routing"]
    assert read["notify"] == {topics.FEEDBACK, topics.CONTACTS}
    specs = topics.all_topics([agency.id for agency in packs.VN.agencies], [portal.id for portal in packs.VN.header.portals])
    assert frozenset().union(*read.values()) <= {spec.name for spec in specs}


def test_no_module_connects_to_anything_when_it_is_imported_or_built() -> None:
    """A connection at import makes every tool that only reads the code wait for a server."""
    program = """
import pkgutil, socket, importlib, sys
def refuse(*args, **options):
    raise AssertionError(f"connects: {args}")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = socket.create_connection = refuse
import pakn, schemas, services
for package in (pakn, schemas, services):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)
from tests.contract import test_wiring
for name in test_wiring.NAMES:
    for driver in ("pymongo", "motor"):
        test_wiring.build(name, driver)
import threading
assert threading.active_count() == 1, threading.enumerate()
print("imported", len([name for name in sys.modules if name.startswith(("pakn", "services", "schemas"))]))
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr
    assert int(result.stdout.split()[-1]) > 60


@each_service
def test_the_pages_answer_before_any_server_does(name: ServiceName) -> None:
    """A service that waits for Kafka must say so, not look dead and be restarted."""
    with TestClient(build(name).app) as client:
        live = client.get("/live")
        assert (live.status_code, live.json()["service"]) == (200, name)
        ready = client.get("/ready")
        assert ready.status_code == 503
        assert (ready.json()["database"], ready.json()["kafka"], ready.json()["partitions"]) == (False, False, 0)
        metrics = client.get("/metrics")
        assert metrics.status_code == 200
        assert "pakn_partitions_assigned 0.0" in metrics.text


@get("/fails", include_in_schema=False, opt={NO_DATABASE: True})
async def fails() -> None:
    raise RuntimeError("the sender's phone is 0900000000")


@get("/refuses", include_in_schema=False, opt={NO_DATABASE: True})
async def refuses() -> None:
    raise HTTPException(status_code=418, detail="exactly this")


@each_service
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("POST", "/live", 405), ("GET", "/fails", 500), ("GET", "/refuses", 418)],
)
def test_every_error_is_a_problem_document(name: ServiceName, method: str, path: str, status: int) -> None:
    """RFC 9457: the title names the kind, the same at each occurrence; the detail explains. Nothing inside leaks out."""
    app = build(name).app
    app.register(fails)
    app.register(refuses)
    with TestClient(app, raise_server_exceptions=False) as client:
        answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("application/problem+json")
    problem = answer.json()
    assert problem["status"] == status
    assert problem["type"].startswith("urn:pakn:problem:")
    assert problem["errors"] == []
    assert problem["title"]
    assert problem["detail"]
    assert ("/schema" in problem["detail"]) == (status in (404, 405))
    assert problem["detail"] not in problem["title"]
    assert "0900000000" not in answer.text
    assert "Traceback" not in answer.text


@pytest.mark.timeout(30)
def test_a_service_ends_though_a_client_library_swallows_its_cancellation() -> None:
    """A service that was stopped while its database was away went on connecting for ever; only kill -9 ended it."""
    service = build("notify")

    async def prepare() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise AutoReconnect("connection closed") from None

    service._prepare = prepare
    with TestClient(service.app) as client:
        assert client.get("/ready").status_code == 503
    assert all(task.done() for task in service._tasks)


def test_a_service_that_cannot_be_prepared_ends_instead_of_only_looking_alive() -> None:
    """An error that no repetition mends, met before the first connection, left a process that was never ready."""
    service = build("routing")
    failed = threading.Event()

    async def prepare() -> None:
        failed.set()
        raise TypeError("a fault of ours")

    service._prepare = prepare
    with TestClient(service.app):
        assert failed.wait(10)
    assert service.exit_code == 1


def test_intake_refuses_while_its_database_is_not_there_and_serves_its_contract() -> None:
    """Taking in what cannot be stored would lose it; the description of the interface needs no database."""
    with TestClient(build("intake").app) as client:
        answer = client.post("/v1/feedback", json={})
        assert answer.status_code == 503
        assert 5 <= int(answer.headers["retry-after"]) < 15
        assert answer.headers["content-type"].startswith("application/problem+json")
        assert answer.json()["type"] == "urn:pakn:problem:database-away"
        document = client.get("/schema/openapi.json")
        assert document.json()["openapi"].startswith("3.1")
        assert client.get("/schema/asyncapi.json").text == (files.FOLDER / "asyncapi.json").read_text()
        page = client.get("/schema")
        assert page.text.count("<script") == page.text.count('<script src="/schema/files/') > 0, "no script of another host"
        assert client.get("/open311/v2/services.json").status_code == 200
        assert client.get("/open311/v2/requests.json").json() == [{"code": 503, "description": answer.json()["detail"]}]


def test_intake_does_not_start_without_a_secret_key() -> None:
    """Secrets and tokens signed with an empty key can be made by anybody."""
    with pytest.raises(ValueError, match="openssl rand"):
        BUILDERS["intake"](Settings(intake=IntakeSettings.model_validate({"secret_key": "short"})))


@pytest.mark.parametrize("name", ["intake", "deadlines"])
def test_web_and_worker_together_are_the_whole_and_share_nothing_but_what_each_needs(name: ServiceName) -> None:
    """Work that only one of them had would be missed where they run apart, and work of both be done twice."""
    whole, web, worker = (jobs(build(name, role=role)) for role in (None, "web", "worker"))
    assert whole == web | worker
    # What a web has stored is swept by any process; a web explains by the law and a worker decides by it.
    assert list(web & worker) == [{"intake": "build_app.<locals>.sweep", "deadlines": "Lawbook.read"}[name]]
    assert any("isolation" in job.lower() for job in worker)


@pytest.mark.parametrize("name", ["intake", "deadlines"])
def test_a_web_reads_nothing_and_a_worker_answers_nothing_but_its_own_pages(name: ServiceName) -> None:
    """A worker in trouble must take no page with it, and a page no worker."""
    web, worker = build(name, role="web"), build(name, role="worker")
    assert (len(web.broker.subscribers), len(worker.broker.subscribers)) == (0, 1)
    routes = {route.path for route in build(name).app.routes}
    own = {"/live", "/ready", "/metrics"}
    assert {route.path for route in web.app.routes} == routes
    assert {route.path for route in worker.app.routes} == own < routes
    with TestClient(web.app) as client:
        assert set(client.get("/ready").json()) == {"service", "database", "kafka", "away"}


@pytest.mark.parametrize("name", ["routing", "notify"])
def test_a_service_that_answers_nothing_is_no_web(name: ServiceName) -> None:
    """It would look alive and do nothing."""
    assert jobs(build(name, role="worker")) == jobs(build(name))
    with pytest.raises(ValueError, match="--role worker"):
        build(name, role="web")
