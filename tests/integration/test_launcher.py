"""The launcher's own servers: real records and documents go through them, and what they acknowledged outlives kill -9."""

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import NewTopic
from pymongo import AsyncMongoClient

from pakn.engine import kafka, mongo
from pakn.engine.kafka_login import client_options
from pakn.local import child_process, kafka_process, launcher
from pakn.logins import KafkaSettings

Client = AsyncMongoClient[dict[str, Any]]
OWN: dict[str, str] = {}  # An environment without addresses: the launcher starts its own, whatever else the tests run on.


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("servers")


@pytest.fixture(scope="module")
def servers(folder: Path) -> Iterator[launcher.Servers]:
    with launcher.Servers.start(folder, fresh=True, environment=OWN) as started:
        yield started


def client_of(servers: launcher.Servers) -> Client:
    client: Client = mongo.make_client(servers.mongo())
    return client


async def create_topic(settings: KafkaSettings, topic: str) -> None:
    async with kafka.administering(settings) as admin:
        await admin.create_topics([NewTopic(topic, 1, 1)])


async def produce(settings: KafkaSettings, topic: str, value: bytes) -> None:
    async with AIOKafkaProducer(**client_options(settings), acks="all", enable_idempotence=True) as producer:
        await producer.send_and_wait(topic, value)


async def consume(settings: KafkaSettings, topic: str, count: int) -> list[bytes | None]:
    consumer = AIOKafkaConsumer(topic, **client_options(settings), auto_offset_reset="earliest", group_id=f"{topic}-{count}")
    async with consumer, asyncio.timeout(60):
        return [(await consumer.getone()).value for _ in range(count)]


async def test_what_servers_acknowledged_outlives_them_where_they_are_kept_running(servers: launcher.Servers) -> None:
    """`pakn up` restarted services for ever against a database that nobody had started again."""
    await create_topic(servers.kafka(), "outlives")
    await produce(servers.kafka(), "outlives", b"before")
    assert await consume(servers.kafka(), "outlives", 1) == [b"before"]
    said: asyncio.Queue[str] = asyncio.Queue()
    async with client_of(servers) as client:
        cases = client.launcher_test.cases
        await cases.insert_one({"_id": "before"})
        keeper = asyncio.create_task(servers.keep_running(said.put_nowait))
        try:
            servers.own[launcher.KAFKA].kill()
            servers.own[launcher.MONGO].kill()
            async with asyncio.timeout(120):
                lines = [await said.get() for _ in range(4)]
        finally:
            keeper.cancel()
        assert [line.partition(" ")[2] for line in lines] == ["has ended; starting it again", "started again"] * 2
        await cases.insert_one({"_id": "after"})
        assert [case["_id"] async for case in cases.find().sort("_id")] == ["after", "before"]
    await produce(servers.kafka(), "outlives", b"after")
    assert await consume(servers.kafka(), "outlives", 2) == [b"before", b"after"]


def test_a_folder_belongs_to_one_launcher_at_a_time(servers: launcher.Servers, folder: Path) -> None:
    """A second run with fresh data would otherwise delete the files under the first one's servers."""
    assert str(servers.kafka_bootstrap) in servers.description
    with (
        pytest.raises(child_process.CannotStart, match="Another PAKN runs in"),
        launcher.Servers.start(folder, fresh=True, environment=OWN),
    ):
        pass


def test_addresses_in_the_environment_win(tmp_path: Path) -> None:
    given = {
        "PAKN_KAFKA__BOOTSTRAP": "kafka.example:9092",
        "PAKN_MONGO__URI": "mongodb://pakn:secret@mongo.example:27017/?w=majority",
    }
    with launcher.Servers.start(tmp_path, fresh=True, environment=given) as servers:
        assert (servers.kafka_bootstrap, servers.mongo_uri) == tuple(given.values())
        assert servers.own == {}
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_ends_at_once_is_reported_with_the_end_of_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(kafka_process.SETTINGS, "authorizer.class.name", "no.such.Authorizer")
    with (
        pytest.raises(child_process.CannotStart, match=r"ended with status 1 (.|\n)*no\.such\.Authorizer"),
        launcher.Servers.start(tmp_path, fresh=True, environment=OWN),
    ):
        pass


async def test_data_of_a_former_run_is_there_again_on_the_same_ports_unless_it_is_to_be_fresh(tmp_path: Path) -> None:
    kafka_port, mongo_port = child_process.free_ports(2)
    start = partial(launcher.Servers.start, tmp_path, environment=OWN, kafka_port=kafka_port, mongo_port=mongo_port)
    with start(fresh=True) as servers:
        assert servers.own[launcher.KAFKA].address == f"127.0.0.1:{kafka_port}"
        assert f"//127.0.0.1:{mongo_port}/" in servers.own[launcher.MONGO].address
        await create_topic(servers.kafka(), "kept")
        await produce(servers.kafka(), "kept", b"record")
        async with client_of(servers) as client:
            await client.launcher_test.kept.insert_one({"_id": 1})
    for fresh, kept in ((False, 1), (True, 0)):
        with start(fresh=fresh) as servers:
            if kept:
                assert await consume(servers.kafka(), "kept", 1) == [b"record"]
            async with client_of(servers) as client:
                assert await client.launcher_test.kept.count_documents({}) == kept
