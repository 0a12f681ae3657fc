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
