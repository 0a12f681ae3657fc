"""What the tests of faults share: one deployment of real processes for each file."""

from collections.abc import AsyncIterator

import pytest

from pakn.local.launcher import Servers
from tests.support.deployment import Deployment, deployed


@pytest.fixture(scope="module")
async def deployment(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Deployment]:
    """The four services as processes, on the servers that all tests share."""
    async with deployed(servers, tmp_path_factory.mktemp("deployment")) as made:
        yield made
