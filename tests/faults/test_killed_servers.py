"""Kafka and the database are killed while citizens submit: what was acknowledged is there, once, when they are back.

Meanwhile HTTP, readiness, the lag and the logs say what is away.
"""

import asyncio
import json
import os
import signal
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from pakn.local.launcher import KAFKA, MONGO, Servers
from tests.support import ledger
from tests.support.deployment import Deployment, deployed
from tests.support.outside_world import GOOD, until

SERVICES = ("intake", "routing", "deadlines", "notify")
# What a person may have to wait for an answer.
PATIENCE = 5.0


@pytest.fixture(scope="module")
async def own(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Deployment]:
    """A deployment on servers of its own, which no other test misses while they are down."""
    folder = tmp_path_factory.mktemp("servers")
    with Servers.start(folder, fresh=True, environment={}) as servers:
        async with deployed(servers, tmp_path_factory.mktemp("deployment")) as made:
            yield made


class Logs:
    """The lines that the services write from now on."""

    def __init__(self, deployment: Deployment) -> None:
        folder = deployment.clock_file.parent / "logs"
        self._files = {name: folder / f"{name}.log" for name in SERVICES}
        self._begin = {name: file.stat().st_size for name, file in self._files.items()}

    def of(self, name: str) -> list[dict[str, Any]]:
        """The lines of a service."""
        text = self._files[name].read_bytes()[self._begin[name] :].decode()
        return [json.loads(line) for line in text.splitlines()]

    def events(self, name: str) -> list[str]:
        """Their events."""
        return [line["event"] for line in self.of(name)]


async def ready(deployment: Deployment, name: str) -> tuple[int, dict[str, Any]]:
    """What a service says of its readiness. It lives in any case."""
    url = deployment.stack.urls[name]
    assert (await deployment.http.get(f"{url}/live")).status_code == 200
    answer = await deployment.http.get(f"{url}/ready")
    return answer.status_code, answer.json()


async def metric(deployment: Deployment, name: str, series: str) -> float:
    """The sum of the values of a service's series with this name."""
    text = (await deployment.http.get(f"{deployment.stack.urls[name]}/metrics")).text
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(series))


async def refused(deployment: Deployment, url: str, **request: Any) -> None:
    """A request to this address gets 503 within the patience of a person, with a sentence and when to come back."""
    began = time.monotonic()
    answer = await deployment.http.request("POST" if request else "GET", url, **request)
    took = time.monotonic() - began
    assert took < PATIENCE, f"{url} took {took:.1f} s"
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json"), answer.text
    assert int(answer.headers["retry-after"]) > 0
    assert (answer.json()["type"], answer.json()["errors"]) == ("urn:pakn:problem:database-away", [])
    assert "database" in answer.json()["detail"]


def form() -> dict[str, Any]:
    """A submission with a file, which goes to the database while it comes."""
    return {"data": {"feedback": json.dumps(GOOD)}, "files": {"attachments": ("a.pdf", b"%PDF-1.7\n" + b"x" * 1_500_000)}}


async def _away(deployment: Deployment, name: str, count: int = 1) -> dict[str, Any]:
    status, said = await ready(deployment, name)
    return said if status == 503 and len(said["away"]) == count else {}


async def _waits(deployment: Deployment, name: str) -> bool:
    return await metric(deployment, name, "pakn_consumer_lag_records{") > 0 and (await ready(deployment, name))[1]["lag"] > 0


async def _grew(deployment: Deployment, name: str, seconds: float) -> bool:
    return bool((await ready(deployment, name))[1]["seconds_since_progress"] > seconds)


async def test_intake_accepts_while_kafka_is_down_and_publishes_all_of_it_after(own: Deployment) -> None:
    feedback_ids = await own.submit_many(10)
    async with ledger.answering(own):
        await ledger.all_published(own, feedback_ids)
        await asyncio.to_thread(own.servers.own[KAFKA].kill)
        feedback_ids += await own.submit_many(40)
        # What it has not published yet must outlive intake itself, whoever publishes it then.
        own.kill("intake")
        feedback_ids += await own.submit_many(40)
        assert await own.documents("intake")["feedbacks"].count_documents({"_id": {"$in": feedback_ids}}) == 90
        await asyncio.to_thread(own.servers.own[KAFKA].restart)
        await ledger.all_published(own, feedback_ids)
    await ledger.check(own, feedback_ids)


async def test_a_killed_database_loses_nothing_that_was_acknowledged(own: Deployment) -> None:
    key = uuid.uuid4().hex
    async with ledger.answering(own):
        sending = asyncio.create_task(own.submit_many(90))
        await own.sees_more("FeedbackSubmitted", 30)
        await asyncio.to_thread(own.servers.own[MONGO].kill)

        async def refused() -> bool:
            try:
                answer = await own.http.post("/v1/feedback", json=GOOD, headers={"Idempotency-Key": key})
            except httpx.TransportError:
                return False
            assert answer.headers["content-type"].startswith("application/problem+json")
            return answer.status_code >= 500

        await until(refused, "intake says that it cannot store")
        await asyncio.to_thread(own.servers.own[MONGO].restart)
        feedback_ids = await sending
        feedback_ids.append(str((await own.submit(key=key))["feedback_id"]))
        await ledger.all_published(own, feedback_ids)
    await ledger.check(own, feedback_ids)


async def test_without_its_database_every_door_says_so_within_seconds_and_all_comes_back(own: Deployment) -> None:
    """Answers came after 33 s as 500, readiness stayed true, the lag 0; no line named the database, and one came each second."""
    body = await own.submit()
    await own.observer.wait("FeedbackAssigned", topic="feedback", subject=body["feedback_id"])
    pids = {name: own.stack.supervisor.pid(name) for name in SERVICES}
    logs, database = Logs(own), own.servers.own[MONGO]
    await asyncio.to_thread(database.kill)
    clocks = f"{own.stack.urls['deadlines']}/v1/feedback/{body['code']}/deadlines"
    doors: list[tuple[str, dict[str, Any]]] = [
        (f"/v1/feedback/{body['code']}", {}),
        ("/v1/feedback", {"json": GOOD}),
        ("/v1/feedback", form()),
        (clocks, {}),
    ]
    # At first nobody knows, and each request waits for itself; then it is known, and each is refused at once.
    await asyncio.gather(*(refused(own, url, **request) for url, request in doors))
    await own.post.act("gia-lai", body["feedback_id"], "accept")
    for name in SERVICES:
        said = await until(lambda name=name: _away(own, name), f"{name} says that it is not ready", 10)
        assert (said["database"], said["kafka"], said["away"]) == (False, True, ["mongodb"])
        assert await metric(own, name, 'pakn_server_up{server="mongodb"}') == 0
    await asyncio.gather(*(refused(own, url, **request) for url, request in doors))
    await until(lambda: _waits(own, "routing"), "an act that cannot be handled counts as lag", 10)
    before = (await ready(own, "routing"))[1]["seconds_since_progress"]
    await until(lambda: _grew(own, "routing", before + 3), "a failed turn is no progress", 10)
    await asyncio.to_thread(database.restart)
    await own.all_ready()
    await own.observer.wait("FeedbackAccepted", topic="feedback", subject=body["feedback_id"])
    await own.submit()
    assert pids == {name: own.stack.supervisor.pid(name) for name in SERVICES}
    for name in SERVICES:
        assert logs.events(name) == ["database_away", "database_back"], logs.of(name)
        assert {line["address"] for line in logs.of(name)} == {database.address.partition("//")[2].partition("/")[0]}


async def test_without_kafka_readiness_is_false_what_is_taken_in_is_kept_and_all_comes_back(own: Deployment) -> None:
    """The client library's own errors, a hundred a second, said all but what is away."""
    logs, broker = Logs(own), own.servers.own[KAFKA]
    pids = {name: own.stack.supervisor.pid(name) for name in SERVICES}
    await asyncio.to_thread(broker.kill)
    began = time.monotonic()
    body = await own.submit()
    assert time.monotonic() - began < PATIENCE
    for name in SERVICES:
        said = await until(lambda name=name: _away(own, name), f"{name} says that it is not ready", 10)
        assert (said["database"], said["kafka"], said["away"]) == (True, False, ["kafka"])
        assert await metric(own, name, 'pakn_server_up{server="kafka"}') == 0
    looked_up = await own.http.get(f"/v1/feedback/{body['code']}")
    assert looked_up.status_code == 200
    await asyncio.to_thread(broker.restart)
    await own.all_ready()
    await own.observer.wait("FeedbackAssigned", topic="feedback", subject=body["feedback_id"])
    assert pids == {name: own.stack.supervisor.pid(name) for name in SERVICES}
    for name in SERVICES:
        ours = [line for line in logs.of(name) if not line["logger"].startswith("aiokafka")]
        assert [line["event"] for line in ours] == ["kafka_away", "kafka_back"], ours
        assert {line["address"] for line in ours} == {broker.address}
        # The library may say a few words before anybody knows, and when it comes back.
        assert len(logs.of(name)) < 12, logs.of(name)


async def test_servers_that_take_connections_and_do_not_answer_are_away_too(own: Deployment) -> None:
    """A server that hangs, or a network that swallows everything, refuses nothing: without a bound a request waits for ever."""
    body = await own.submit()
    hanging = [server._process.pid for server in own.servers.own.values() if server._process is not None]
    for pid in hanging:
        os.kill(pid, signal.SIGSTOP)
    try:
        url = f"/v1/feedback/{body['code']}"
        doors: list[tuple[str, dict[str, Any]]] = [(url, {}), ("/v1/feedback", {"json": GOOD}), ("/v1/feedback", form())]
        await asyncio.gather(*(refused(own, url, **request) for url, request in doors))
        said = await until(lambda: _away(own, "routing", 2), "routing says that it is not ready", 10)
        assert said["away"] == ["mongodb", "kafka"]
    finally:
        for pid in hanging:
            os.kill(pid, signal.SIGCONT)
    await own.all_ready()
    await own.submit()
