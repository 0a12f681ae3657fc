"""A service is killed while a hundred submissions and actions are under way: nothing is lost, nothing is doubled."""

import asyncio

import pytest

from tests.support import ledger
from tests.support.deployment import Deployment
from tests.support.outside_world import GOOD, until

TOGETHER = 120


async def _send(deployment: Deployment, count: int) -> list[str]:
    """Submit by HTTP as careful clients do, and two of five by a portal's topic; the ids of all feedbacks."""
    of_portal = count * 2 // 5

    async def by_portal() -> list[str]:
        own_ids = {await deployment.post.portal("cdvcqg", GOOD) for _ in range(of_portal)}

        def answers() -> dict[str, str]:
            rows = deployment.observer.found("SubmissionRegistered", topic="outbox.cdvcqg")
            return {row.data["submission_id"]: row.data["feedback_id"] for row in rows if row.data["submission_id"] in own_ids}

        found = await until(lambda: answers() if len(answers()) == of_portal else {}, "the portal has all its codes", 240)
        return list(found.values())

    by_http, others = await asyncio.gather(deployment.submit_many(count - of_portal), by_portal())
    return [*by_http, *others]


# A service is killed when the observer has seen some of this, which is then in the middle of its own work.
ITS_FACT = {
    "intake": "FeedbackSubmitted",
    "routing": "FeedbackAccepted",
    "deadlines": "DeadlinesChanged",
    "notify": "NotificationSent",
}


# Each wave has submissions of its own, and begins when all services are at work again. One after the other, they share one count.
@pytest.mark.parametrize("waves", [[[name] for name in ITS_FACT], [[*ITS_FACT]]], ids=["one after the other", "all at once"])
async def test_killed_services_lose_nothing_and_double_nothing(deployment: Deployment, waves: list[list[str]]) -> None:
    before = {name: deployment.stack.supervisor.restarts(name) for name in ITS_FACT}
    feedback_ids: list[str] = []
    async with ledger.answering(deployment):
        for names in waves:
            await deployment.all_ready()
            sending = asyncio.create_task(_send(deployment, TOGETHER // len(waves) + 20))
            await deployment.sees_more(ITS_FACT[names[-1]], 20)
            for name in names:
                deployment.kill(name)
            feedback_ids += await sending
        await ledger.all_published(deployment, feedback_ids)
    await ledger.check(deployment, feedback_ids)
    assert len(set(feedback_ids)) == TOGETHER + 20 * len(waves)
    assert {name: deployment.stack.supervisor.restarts(name) - 1 for name in ITS_FACT} == before
