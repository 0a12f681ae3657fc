"""Kafka and the database are killed while citizens submit: what was acknowledged is there, once, when they are back."""

import asyncio
import uuid
from collections.abc import AsyncIterator

import httpx
import pytest

from pakn.local.launcher import KAFKA, MONGO, Servers
from tests.support import ledger
from tests.support.deployment import Deployment, deployed
from tests.support.outside_world import GOOD, until


@pytest.fixture(scope="module")
async def own(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Deployment]:
    """A deployment on servers of its own, which no other test misses while they are down."""
    folder = tmp_path_factory.mktemp("servers")
    with Servers.start(folder, fresh=True, environment={}) as servers:
        async with deployed(servers, tmp_path_factory.mktemp("deployment")) as made:
            yield made


async def _submit(own: Deployment, count: int, mark: str) -> list[str]:
    several = asyncio.Semaphore(10)

    async def one(number: int) -> str:
        async with several:
            return str((await own.submit(key=f"{mark}-{number}", title=f"{mark} {number}"))["feedback_id"])

    return list(await asyncio.gather(*(one(number) for number in range(count))))


async def test_intake_accepts_while_kafka_is_down_and_publishes_all_of_it_after(own: Deployment) -> None:
    mark = uuid.uuid4().hex[:6]
    feedback_ids = await _submit(own, 10, f"{mark}-before")
    async with ledger.answering(own):
        await ledger.all_published(own, feedback_ids)
        await asyncio.to_thread(own.servers.own[KAFKA].kill)
        feedback_ids += await _submit(own, 40, f"{mark}-down")
        # What it has not published yet must outlive intake itself, whoever publishes it then.
        own.kill("intake")
        feedback_ids += await _submit(own, 40, f"{mark}-killed")
        assert await own.documents("intake")["feedbacks"].count_documents({"_id": {"$in": feedback_ids}}) == 90
        await asyncio.to_thread(own.servers.own[KAFKA].restart)
        await ledger.all_published(own, feedback_ids, seconds=240)
    await ledger.all_written(own, feedback_ids)
    await ledger.check(own, feedback_ids)


async def test_a_killed_database_loses_nothing_that_was_acknowledged(own: Deployment) -> None:
    mark = uuid.uuid4().hex[:6]
    before = len(own.observer.found("FeedbackSubmitted", topic="feedback"))
    async with ledger.answering(own):
        sending = asyncio.create_task(_submit(own, 150, mark))
        await until(lambda: len(own.observer.found("FeedbackSubmitted", topic="feedback")) > before + 30, "some are under way")
        await asyncio.to_thread(own.servers.own[MONGO].kill)

        async def refused() -> bool:
            try:
                answer = await own.http.post("/v1/feedback", json=GOOD, headers={"Idempotency-Key": f"{mark}-probe"})
            except httpx.TransportError:
                return False
            assert answer.headers["content-type"].startswith("application/problem+json")
            return answer.status_code >= 500

        await until(refused, "intake says that it cannot store")
        await asyncio.to_thread(own.servers.own[MONGO].restart)
        feedback_ids = await sending
        feedback_ids.append(str((await own.submit(key=f"{mark}-probe"))["feedback_id"]))
        await ledger.all_published(own, feedback_ids)
    await ledger.all_written(own, feedback_ids)
    await ledger.check(own, feedback_ids)
