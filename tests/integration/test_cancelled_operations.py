"""Operations of the database whose caller gives up. Their number once locked the driver's pool for good: nothing was answered."""

import asyncio
import contextlib
import random
import socket
import time

import httpx
import pytest
from pymongo.errors import PyMongoError

from pakn.engine import mongo
from pakn.local.launcher import Servers
from pakn.settings import IntakeSettings
from tests.integration.conftest import MakeSystem
from tests.support.outside_world import until
from tests.support.serving import serving
from tests.support.system import SECRET_KEY

_SECONDS = 6.0


@pytest.mark.parametrize("driver", ["pymongo", "motor"])
async def test_callers_who_give_up_while_they_wait_for_a_connection_lock_nobody_out(
    servers: Servers, namespace: str, driver: str
) -> None:
    """Before Python 3.12 a wait that timed out, and was cancelled at that moment, left the lock of the pool held."""
    uri = f"{servers.mongo_uri}&maxPoolSize=4"
    client = mongo.make_client(servers.mongo(uri=uri, driver=driver), 0.3)
    counts = mongo.database(client, namespace, "intake")["counts"]
    end = time.monotonic() + _SECONDS
    chance = random.Random(1)

    async def impatient() -> None:
        while time.monotonic() < end:
            with contextlib.suppress(TimeoutError, PyMongoError):
                async with asyncio.timeout(0.3 + chance.random() * 0.2):
                    await counts.find_one_and_update({"_id": "one"}, {"$inc": {"n": 1}}, upsert=True)

    _, stuck = await asyncio.wait([asyncio.create_task(impatient()) for _ in range(200)], timeout=_SECONDS + 15)
    assert not stuck, f"{len(stuck)} callers wait for ever"

    async def answered() -> bool:
        with contextlib.suppress(PyMongoError):
            return (await counts.find_one({"_id": "one"}))["n"] > 0
        return False

    await until(answered, "the database answers again")
    await client.drop_database(f"{namespace}_intake")
    await mongo.close(client)


async def test_hundreds_of_connections_full_of_requests_leave_the_others_their_answers(make_system: MakeSystem) -> None:
    """Requests that need the database got neither an answer nor a 503 any more, for good."""
    intake = IntakeSettings.model_validate({"secret_key": SECRET_KEY, "sweep_seconds": 0.5, "unlimited_networks": ""})
    async with make_system(intake=intake) as system:
        await system.start("intake", role="web")
        body = await system.submit()
        request = f"GET /v1/feedback/{body['code']} HTTP/1.1\r\nHost: intake\r\n\r\n".encode()
        async with serving(system.services["intake"].app) as url:
            address = ("127.0.0.1", int(url.rpartition(":")[2]))
            async with contextlib.AsyncExitStack() as flood:
                for _ in range(300):
                    sock = flood.enter_context(socket.socket())
                    sock.setblocking(False)
                    await asyncio.get_running_loop().sock_connect(sock, address)
                    await asyncio.get_running_loop().sock_sendall(sock, request * 20)
                async with httpx.AsyncClient(base_url=url, timeout=30) as other:
                    for _ in range(4):
                        answer = await other.get(f"/v1/feedback/{body['code']}")
                        assert answer.status_code in (200, 503)
            async with httpx.AsyncClient(base_url=url, timeout=30) as other:

                async def answered() -> bool:
                    return (await other.get(f"/v1/feedback/{body['code']}")).status_code == 200

                await until(answered, "look-ups are answered again")
