"""Passwords and keys are changed while the services run, as docs/operating.md says."""

import asyncio
import os
import subprocess
import sys
from subprocess import PIPE, STDOUT

import pytest
from aiokafka.errors import KafkaError
from pymongo.errors import OperationFailure

from pakn.engine import kafka, mongo
from pakn.logins import AccessSettings
from pakn.settings import Settings
from tests.integration.conftest import MakeSystem
from tests.support.system import as_service, server_environment

SERVICE = "routing"
NEW = "another password of the tests"


async def provision(settings: Settings) -> str:
    """What `pakn provision` says with these settings."""
    given = {name: secret.get_secret_value() for name, secret in settings.access if secret}
    environment = os.environ | {
        "PAKN_NAMESPACE": settings.namespace,
        "PAKN_PACK": settings.pack,
        **server_environment(settings),
        **{f"PAKN_ACCESS__{name.upper()}": password for name, password in given.items()},
    }
    command = [sys.executable, "-m", "pakn", "provision"]
    ran = await asyncio.to_thread(subprocess.run, command, env=environment, stdout=PIPE, stderr=STDOUT, text=True)
    assert ran.returncode == 0, ran.stdout
    assert not any(password in ran.stdout for password in given.values())
    return str(ran.stdout)


async def in_kafka(settings: Settings) -> bool:
    """Whether a service may log in to Kafka by these settings."""
    try:
        async with kafka.administering(as_service(settings, SERVICE).kafka):
            return True
    except KafkaError:
        return False


async def in_mongo(settings: Settings) -> bool:
    """Whether a service may log in to MongoDB, and read its database."""
    client = mongo.make_client(as_service(settings, SERVICE).mongo)
    try:
        await mongo.database(client, settings.namespace, "routing")["cases"].find_one({})
    except OperationFailure:
        return False
    finally:
        await mongo.close(client)
    return True


async def test_a_service_goes_on_while_its_password_is_changed_and_is_started_again_with_the_new_one(
    make_system: MakeSystem,
) -> None:
    """One password on both servers: a change that stopped the service, or left the old password good, would never be made."""
    async with make_system() as system:
        before = system.settings
        if not (before.mongo.username and before.kafka.username):
            pytest.skip("these servers ask for no login")
        await system.start("intake", SERVICE)
        await system.assigned()
        assert await in_kafka(before)
        assert await in_mongo(before)
        renewed = AccessSettings.model_validate(before.access.model_dump() | {SERVICE: NEW})
        system.settings = before.model_copy(update={"access": renewed})
        assert "0 users made in MongoDB" in await provision(system.settings)
        # By the connections that it has.
        await system.assigned()
        assert await in_kafka(system.settings)
        assert await in_mongo(system.settings)
        assert not await in_kafka(before)
        assert not await in_mongo(before)
        await system.stop(SERVICE)
        await system.start(SERVICE)
        await system.assigned()
