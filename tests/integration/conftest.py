"""What the integration tests share: a running system for each file, with the small pack; more of them by a factory."""

import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from pakn.local.launcher import Servers
from pakn.settings import Settings
from tests.support.mail_world import HandTime, MailServer, Notify
from tests.support.system import System, make_settings

MakeSystem = Callable[..., System]


@pytest.fixture(scope="module")
def make_system(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> MakeSystem:
    """Makes systems, each with a namespace and a clock of its own; enter it with `async with`."""

    def make(**more: Any) -> System:
        folder = tmp_path_factory.mktemp("system")
        return System(make_settings(servers, f"t{uuid.uuid4().hex[:10]}", folder / "clock", **more))

    return make


@pytest.fixture(scope="module")
async def system(make_system: MakeSystem) -> AsyncIterator[System]:
    """Intake, routing and deadlines, running for all tests of a file; tests keep apart by their feedback ids."""
    async with make_system() as made:
        await made.start("intake", "routing", "deadlines")
        yield made


@pytest.fixture
async def own(make_system: MakeSystem) -> AsyncIterator[System]:
    """A system of the test's own with its own clock, in which time may pass."""
    async with make_system() as made:
        await made.start("intake", "routing", "deadlines")
        yield made


@pytest.fixture
def server() -> MailServer:
    return MailServer()


@pytest.fixture(params=["pymongo", "motor"])
async def notify(request: pytest.FixtureRequest, settings: Settings, server: MailServer) -> AsyncIterator[Notify]:
    driver = settings.model_copy(update={"mongo": settings.mongo.model_copy(update={"driver": request.param})})
    async with server.listening() as port:
        parts = Notify(driver, port, HandTime())
        await parts.prepare()
        yield parts
        await parts.client.drop_database(parts.database.name)
        await parts.close()
