"""What the integration tests share: a running system for each file, with the small pack; more of them by a factory."""

import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from pakn.local.launcher import Servers
from pakn.settings import IntakeSettings, Settings
from tests.support.mail_world import MailServer, Notify
from tests.support.pages import Browser
from tests.support.sms_world import SmsGateway, TextNotify
from tests.support.system import SECRET_KEY, System, make_settings

MakeSystem = Callable[..., System]


@pytest.fixture(scope="module")
def make_system(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> MakeSystem:
    """Makes systems, each with a namespace and a clock of its own; enter it with `async with`."""

    def make(**more: Any) -> System:
        folder = tmp_path_factory.mktemp("system")
        return System(make_settings(servers, f"t{uuid.uuid4().hex[:10]}", folder / "clock", **more))

    return make


async def _running(make_system: MakeSystem) -> AsyncIterator[System]:
    async with make_system() as made:
        await made.start("intake", "routing", "deadlines")
        yield made


# Running for all tests of a file, which keep apart by their feedback ids; or the test's own, in which time may pass.
system = pytest.fixture(_running, scope="module")
own = pytest.fixture(_running)


@pytest.fixture(scope="module")
async def people(make_system: MakeSystem) -> AsyncIterator[System]:
    """A system whose forms may be filled in as fast as a test does."""
    intake = IntakeSettings.model_validate({"secret_key": SECRET_KEY, "sweep_seconds": 0.5, "form_seconds": 0})
    async with make_system(intake=intake) as made:
        await made.start("intake", "routing", "deadlines")
        yield made


@pytest.fixture
async def browser(people: System) -> AsyncIterator[Browser]:
    """Somebody who has visited no page yet."""
    async with Browser(people.http) as made:
        yield made


@pytest.fixture
def server() -> MailServer:
    return MailServer()


@pytest.fixture
def gateway() -> SmsGateway:
    return SmsGateway()


@pytest.fixture
async def texts(settings: Settings, gateway: SmsGateway) -> AsyncIterator[TextNotify]:
    async with gateway.listening() as port, TextNotify(settings, port) as parts:
        yield parts


@pytest.fixture(params=["pymongo", "motor"])
async def notify(request: pytest.FixtureRequest, settings: Settings, server: MailServer) -> AsyncIterator[Notify]:
    driver = settings.model_copy(update={"mongo": settings.mongo.model_copy(update={"driver": request.param})})
    async with server.listening() as port, Notify(driver, port) as parts:
        yield parts
