"""What all tests share: the servers (started once), a namespace of its own for each test, databases by both drivers.

Unit and contract tests need none of it. The first line of a run says which servers were found.
"""

import os
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import hypothesis
import pytest

from pakn.engine import mongo
from pakn.local.launcher import Servers
from pakn.settings import KafkaSettings, MongoSettings, Settings
from tests.support.outside_world import small_pack

# How long an example takes says nothing of whether the code is right, and a busy machine would make good tests fail.
hypothesis.settings.register_profile("pakn", deadline=None)
hypothesis.settings.load_profile("pakn")
SECRET_KEY = "a secret key of the tests, longer than 32 characters"


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """A real Kafka and the MongoDB that the launcher finds, or containers when TEST_STACK=docker."""
    if os.environ.get("TEST_STACK") == "docker":
        from tests.support.docker_stack import docker_servers

        with docker_servers() as started:
            print(f"\nTest servers: {started.description}")
            yield started
        return
    folder: Path = tmp_path_factory.mktemp("servers")
    with Servers.start(folder, fresh=True) as started:
        print(f"\nTest servers: {started.description}")
        yield started


@pytest.fixture(scope="session")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small pack: the national one with few agencies, so that a namespace has few topics."""
    return small_pack(tmp_path_factory.mktemp("pack"))


@pytest.fixture
def namespace() -> str:
    """A namespace that no other test has: its topics, groups and databases meet nobody."""
    return f"t{uuid.uuid4().hex[:10]}"


@pytest.fixture
def settings(servers: Servers, namespace: str) -> Settings:
    """Settings for one test on the shared servers, with short waits."""
    return Settings(
        namespace=namespace,
        kafka=KafkaSettings(bootstrap=servers.kafka_bootstrap, partitions=3),
        mongo=MongoSettings.model_validate({"uri": servers.mongo_uri}),
    ).model_copy(update={"gauge_seconds": 1.0})


@pytest.fixture(params=["pymongo", "motor"])
async def database(request: pytest.FixtureRequest, servers: Servers, namespace: str) -> AsyncIterator[mongo.Database]:
    """An empty database, once by each driver."""
    client = mongo.make_client(MongoSettings.model_validate({"uri": servers.mongo_uri, "driver": request.param}))
    yield mongo.database(client, namespace, "store")
    await client.drop_database(f"{namespace}_store")
    await mongo.close(client)
