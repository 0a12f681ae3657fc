"""Two instances of a service, and a rebalance in the middle of their work: every fact and every letter once."""

import asyncio
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from tests.support import ledger
from tests.support.deployment import Deployment
from tests.support.outside_world import until, until_empty

# Sent on 2 March 2026: due at the end of the 23rd, and two progress duties later.
SECOND_PROGRESS = datetime(2026, 4, 6, 17, 0, tzinfo=UTC)
LADDER = {("DeadlineWarning", 3), ("DeadlineWarning", 1), ("FeedbackOverdue", 0), ("FeedbackOverdue", 1), ("FeedbackOverdue", 2)}


async def test_a_second_instance_that_joins_and_a_first_that_dies_change_no_figure(deployment: Deployment) -> None:
    async with ledger.answering(deployment):
        sending = asyncio.create_task(deployment.submit_many(80))
        await deployment.sees_more("FeedbackReplied", 20)
        await asyncio.gather(deployment.start_another("routing"), deployment.start_another("intake"))
        feedback_ids = await sending
        feedback_ids += await deployment.submit_many(20)
        deployment.kill("routing")
        feedback_ids += await deployment.submit_many(20)
        await ledger.all_published(deployment, feedback_ids)
    await ledger.check(deployment, feedback_ids)


async def test_each_rung_and_each_letter_comes_once_around_a_rebalance(deployment: Deployment) -> None:
    feedback_ids = set(await deployment.submit_many(60))
    rungs: dict[str, dict[str, tuple[str, int]]] = {}

    def set_for() -> set[str]:
        return {row.subject for row in deployment.observer.clocks("set", topic="feedback", rule="handle_reply")}

    await until(lambda: feedback_ids <= set_for(), "every clock is open")
    await asyncio.gather(deployment.start_another("deadlines"), deployment.start_another("notify"))
    deployment.set_clock(SECOND_PROGRESS)
    await deployment.sees_more("FeedbackOverdue", 20)
    deployment.kill("deadlines")
    deployment.kill("notify")

    async def unfired() -> dict[str, Any]:
        rungs.clear()
        for name in ("DeadlineWarning", "FeedbackOverdue"):
            for row in deployment.observer.found(name, topic="feedback", rule="handle_reply"):
                number = row.data["days_before"] if name == "DeadlineWarning" else row.data["times"]
                rungs.setdefault(row.subject, {})[row.id] = (name, number)
        return Counter(len(rungs.get(subject, {})) for subject in feedback_ids if len(rungs.get(subject, {})) < len(LADDER))

    await until_empty(unfired, "every rung has fired", status=deployment.status)
    letters = deployment.documents("notify")["letters"]

    async def unwritten() -> dict[str, Any]:
        rows = await letters.find({"feedback_id": {"$in": list(feedback_ids)}, "moment": "overdue"}).to_list(None)
        waiting = Counter(row["state"] for row in rows if row["state"] in ("queued", "sending") or row["announce"])
        missing = len(feedback_ids - {row["feedback_id"] for row in rows})
        return waiting | Counter({"missing": missing})

    await until_empty(unwritten, "every overdue letter is settled", status=deployment.status)
    await deployment.observer.all_read()
    for subject in feedback_ids:
        assert sorted(rungs[subject].values()) == sorted(LADDER), "each rung is one fact"
    assert not [message for message, count in deployment.mailbox.counts.items() if count != 1]
    facts = {row.id for row in deployment.observer.found("FeedbackOverdue", topic="feedback") if row.subject in feedback_ids}
    rows = await letters.find({"feedback_id": {"$in": list(feedback_ids)}, "moment": "overdue"}).to_list(None)
    assert len(rows) <= len(facts)
    assert {row["cause"] for row in rows} <= facts, "a letter is about one fact"
    assert {row["state"] for row in rows} <= {"sent", "uncertain"}
