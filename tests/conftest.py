"""What all tests share: the servers (started once), a namespace of its own for each test, databases by both drivers.

Unit and contract tests need none of it. A run says in one line which servers it was on, when they have started.
"""

import os
import uuid
from collections.abc import AsyncIterator, Iterator

import hypothesis
import pytest
import structlog
from structlog.dev import plain_traceback

from pakn.engine import mongo
from pakn.local.launcher import Servers
from pakn.settings import Settings
from tests.support.node_packages import NodeIsMissing, NodePackages, fetch_packages

# How long an example takes says nothing of whether the code is right, and a busy machine would make good tests fail.
hypothesis.settings.register_profile("quick", deadline=None, max_examples=40)
# `make fuzz` asks for this one.
hypothesis.settings.register_profile("thorough", deadline=None, max_examples=2000)
hypothesis.settings.load_profile("quick")
# The library's own form of a traceback, with the values of all variables, takes a second for each.
structlog.configure([structlog.processors.add_log_level, structlog.dev.ConsoleRenderer(exception_formatter=plain_traceback)])


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Servers]:
    """A real Kafka and the MongoDB that the launcher finds, or containers when TEST_STACK=docker."""

    def say(line: str) -> None:
        # What a fixture prints is captured, and shown of failed tests only.
        with pytestconfig.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
            print(f"\n{line}", flush=True)

    if os.environ.get("TEST_STACK") == "docker":
        from tests.support.docker_stack import docker_servers

        starting = docker_servers()
    else:
        starting = Servers.start(tmp_path_factory.mktemp("servers"), fresh=True, say=say)
    with starting as started:
        say(f"Test servers: {started.description}")
        yield started


@pytest.fixture(scope="session")
def node_packages() -> NodePackages:
    """The packages of tests/support/node; the test is left out where Node is missing or they cannot be fetched."""
    try:
        return fetch_packages()
    except NodeIsMissing as reason:
        pytest.skip(str(reason))


@pytest.fixture
def namespace() -> str:
    """A namespace that no other test has: its topics, groups and databases meet nobody."""
    return f"t{uuid.uuid4().hex[:10]}"


@pytest.fixture
def settings(servers: Servers, namespace: str) -> Settings:
    """Settings for one test on the shared servers, with short waits."""
    return Settings(
        namespace=namespace,
        kafka=servers.kafka(partitions=3),
        mongo=servers.mongo(),
        gauge_seconds=1,
    )


@pytest.fixture(params=["pymongo", "motor"])
async def database(request: pytest.FixtureRequest, servers: Servers, namespace: str) -> AsyncIterator[mongo.Database]:
    """An empty database, once by each driver."""
    client = mongo.make_client(servers.mongo(driver=request.param))
    yield mongo.database(client, namespace, "store")
    await client.drop_database(f"{namespace}_store")
    await mongo.close(client)
