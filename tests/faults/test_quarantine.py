"""A record that ends its process whenever it is read: its partition is set aside, all others go on, and nothing is lost."""

import asyncio
import os
import sys
import uuid
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest

from pakn.local.child_process import free_ports
from pakn.local.launcher import Servers
from pakn.local.supervisor import Supervisor
from pakn.operations import quarantine
from pakn.settings import Settings
from tests.support.deadly_service import HANDLED, UNPACKED
from tests.support.outside_world import GOOD, until
from tests.support.system import SECRET_KEY, World, as_service, make_settings, server_environment

BAD, OTHERS = "cdvcqg", ("gialai-dvc", "hcm-1022", "danang-1022")


def make_environment(settings: Settings, port: int) -> dict[str, str]:
    return {
        "PAKN_NAMESPACE": settings.namespace,
        "PAKN_PACK": settings.pack,
        **server_environment(settings),
        "PAKN_LEGAL_TIME__FILE": str(settings.legal_time.file),
        "PAKN_INTAKE__SECRET_KEY": SECRET_KEY,
        "PAKN_HTTP__PORT": str(port),
        # A process that was killed keeps its partitions for so long, and several ends are wanted.
        "PAKN_KAFKA__SESSION_SECONDS": "3",
        "PAKN_QUARANTINE__SUSPECT": "1",
        "PAKN_QUARANTINE__ENDS": "2",
    }


async def pakn(environment: dict[str, str], *arguments: str) -> str:
    """What the command says, whatever comes of it."""
    command = (sys.executable, "-m", "pakn", *arguments)
    process = await asyncio.create_subprocess_exec(*command, env=os.environ | environment, stdout=PIPE, stderr=STDOUT)
    return (await process.communicate())[0].decode()


async def post(world: World, portals: Sequence[str], what: str, count: int = 3) -> list[tuple[str, str]]:
    wanted = [(portal, f"{what}-{portal}-{number}") for number in range(count) for portal in portals]
    for portal, own_id in wanted:
        await world.post.portal(portal, GOOD, own_id)
    return wanted


async def registered(world: World, wanted: Sequence[tuple[str, str]]) -> None:
    for portal, own_id in wanted:
        await world.observer.wait("SubmissionRegistered", topic=f"outbox.{portal}", submission_id=own_id)


@pytest.mark.parametrize("kind", [HANDLED, UNPACKED])
async def test_a_record_that_ends_its_process_costs_its_own_partition_only_until_it_is_passed_over(
    servers: Servers, tmp_path: Path, kind: str
) -> None:
    settings = make_settings(servers, f"t{uuid.uuid4().hex[:10]}", tmp_path / "clock")
    port = free_ports(1)[0]
    environment = make_environment(as_service(settings, "intake"), port)
    operator = make_environment(as_service(settings, "operator"), port)
    command = [sys.executable, "-m", "tests.support.deadly_service", "intake"]
    supervisor = Supervisor({"intake": command}, environment, logs=tmp_path / "logs", first_delay=0.1)
    async with World(settings) as world:
        before = await post(world, [BAD, *OTHERS], "before")
        await world.post.portal(BAD, GOOD | {"title": kind}, "deadly")
        behind = await post(world, [BAD], "behind")
        beside = await post(world, OTHERS, "beside")
        await supervisor.start()
        try:
            (row,) = await until(lambda: quarantine.waiting(settings), "the partition is in quarantine")
            place = f"{settings.namespace}.inbox.{BAD}/0/{len(before) // 4}"
            assert (row.place, row.service) == (place, "intake")
            await registered(world, before + beside)
            ended = supervisor.restarts("intake")
            assert ended == 3, "one end to become a suspect, two with the record in hand"
            await registered(world, await post(world, OTHERS, "later"))
            assert not world.observer.found("SubmissionRegistered", topic=f"outbox.{BAD}", submission_id=behind[0][1])
            async with httpx.AsyncClient() as http:
                shown = (await http.get(f"http://127.0.0.1:{port}/metrics")).text
            assert f'pakn_quarantined_partitions{{partition="0",topic="{row.partition.topic}"}} 1.0' in shown

            assert (await pakn(operator, "quarantine", "list")).startswith(f"{place}  intake  2 ends  since ")
            assert "Missing option '--why'" in await pakn(operator, "quarantine", "skip", place)
            other = place.rpartition("/")[0] + "/0"
            assert "is not in quarantine" in await pakn(operator, "quarantine", "skip", other, "--why", "no")
            said = await pakn(operator, "quarantine", "skip", place, "--why", "it is broken")
            assert said == f"intake goes on behind {place}; dead.intake keeps the record.\n"
            await registered(world, behind + await post(world, [BAD], "later"))
            assert supervisor.restarts("intake") == ended
            assert await quarantine.waiting(settings) == []
            (dead,) = world.observer.found(topic="dead.intake")
            assert dead.headers["origin"] == place
            assert (dead.headers["reason"], dead.headers["reason-text"]) == ("quarantined", "it is broken")
            assert dead.data["title"] == kind
        finally:
            await supervisor.stop()
