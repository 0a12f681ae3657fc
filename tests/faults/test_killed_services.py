"""A service is killed while hundreds of submissions and actions are under way: nothing is lost, nothing is doubled."""

import asyncio
import uuid

import pytest

from tests.support import ledger
from tests.support.deployment import Deployment
from tests.support.outside_world import GOOD, until

BY_HTTP, BY_PORTAL = 200, 100


async def _send(deployment: Deployment, mark: str) -> list[str]:
    """Submit by HTTP as careful clients do, a few at a time, and by a portal's topic; the ids of all feedbacks."""
    several = asyncio.Semaphore(16)

    async def one(number: int) -> str:
        async with several:
            body = await deployment.submit(key=f"{mark}-{number}", title=f"{mark} {number}")
            return str(body["feedback_id"])

    async def by_portal() -> list[str]:
        own_ids = {await deployment.post.portal("cdvcqg", GOOD | {"title": mark}, f"{mark}-p{n}") for n in range(BY_PORTAL)}

        def answers() -> dict[str, str]:
            rows = deployment.observer.found("SubmissionRegistered", topic="outbox.cdvcqg")
            return {row.data["submission_id"]: row.data["feedback_id"] for row in rows if row.data["submission_id"] in own_ids}

        found = await until(lambda: answers() if len(answers()) == BY_PORTAL else {}, "the portal has all its codes", 240)
        return list(found.values())

    by_http, others = await asyncio.gather(asyncio.gather(*(one(n) for n in range(BY_HTTP))), by_portal())
    return [*by_http, *others]


# A service is killed when the observer has seen some of this, which is then in the middle of its own work.
ITS_FACT = {
    "intake": "FeedbackSubmitted",
    "routing": "FeedbackAccepted",
    "deadlines": "DeadlineSet",
    "notify": "NotificationSent",
}


@pytest.mark.parametrize("name", ITS_FACT)
async def test_a_killed_service_loses_nothing_and_doubles_nothing(deployment: Deployment, name: str) -> None:
    mark = f"{name}-{uuid.uuid4().hex[:6]}"
    before = len(deployment.observer.found(ITS_FACT[name], topic="feedback"))
    async with ledger.answering(deployment):
        sending = asyncio.create_task(_send(deployment, mark))
        await until(
            lambda: len(deployment.observer.found(ITS_FACT[name], topic="feedback")) > before + 30, "the middle of its work"
        )
        deployment.kill(name)
        feedback_ids = await sending
        await ledger.all_published(deployment, feedback_ids)
    await ledger.all_written(deployment, feedback_ids)
    await ledger.check(deployment, feedback_ids)
    assert len(set(feedback_ids)) == BY_HTTP + BY_PORTAL
    assert deployment.stack.supervisor.restarts(name) == 1


async def test_all_four_killed_at_once_lose_nothing_and_double_nothing(deployment: Deployment) -> None:
    before = len(deployment.observer.found("FeedbackAccepted", topic="feedback"))
    async with ledger.answering(deployment):
        sending = asyncio.create_task(_send(deployment, f"all-{uuid.uuid4().hex[:6]}"))
        await until(lambda: len(deployment.observer.found("FeedbackAccepted", topic="feedback")) > before + 30, "the middle")
        for name in ITS_FACT:
            deployment.kill(name)
        feedback_ids = await sending
        await ledger.all_published(deployment, feedback_ids)
    await ledger.all_written(deployment, feedback_ids)
    await ledger.check(deployment, feedback_ids)
