"""A service is killed while a hundred submissions and actions are under way: nothing is lost, nothing is doubled."""

import asyncio

import pytest

from tests.support import ledger
from tests.support.deployment import Deployment
from tests.support.outside_world import GOOD, until

BY_HTTP, BY_PORTAL = 70, 50


async def _send(deployment: Deployment) -> list[str]:
    """Submit by HTTP as careful clients do, and by a portal's topic; the ids of all feedbacks."""

    async def by_portal() -> list[str]:
        own_ids = {await deployment.post.portal("cdvcqg", GOOD) for _ in range(BY_PORTAL)}

        def answers() -> dict[str, str]:
            rows = deployment.observer.found("SubmissionRegistered", topic="outbox.cdvcqg")
            return {row.data["submission_id"]: row.data["feedback_id"] for row in rows if row.data["submission_id"] in own_ids}

        found = await until(lambda: answers() if len(answers()) == BY_PORTAL else {}, "the portal has all its codes", 240)
        return list(found.values())

    by_http, others = await asyncio.gather(deployment.submit_many(BY_HTTP), by_portal())
    return [*by_http, *others]


# A service is killed when the observer has seen some of this, which is then in the middle of its own work.
ITS_FACT = {
    "intake": "FeedbackSubmitted",
    "routing": "FeedbackAccepted",
    "deadlines": "DeadlinesChanged",
    "notify": "NotificationSent",
}


@pytest.mark.parametrize("names", [[name] for name in ITS_FACT] + [list(ITS_FACT)], ids=" ".join)
async def test_killed_services_lose_nothing_and_double_nothing(deployment: Deployment, names: list[str]) -> None:
    before = {name: deployment.stack.supervisor.restarts(name) for name in names}
    async with ledger.answering(deployment):
        sending = asyncio.create_task(_send(deployment))
        await deployment.sees_more(ITS_FACT[names[-1]], 30)
        for name in names:
            deployment.kill(name)
        feedback_ids = await sending
        await ledger.all_published(deployment, feedback_ids)
    await ledger.check(deployment, feedback_ids)
    assert len(set(feedback_ids)) == BY_HTTP + BY_PORTAL
    assert {name: deployment.stack.supervisor.restarts(name) - 1 for name in names} == before
