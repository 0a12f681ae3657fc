"""Counts what became of every feedback: by ids in the topics, by documents in the stores, by letters in the mailbox.

The tests of faults let an agency answer everything while something breaks, and then compare with what was sent in.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from typing import Any

from tests.support.deployment import Deployment
from tests.support.outside_world import until_empty

FACTS = ("FeedbackSubmitted", "FeedbackAssigned", "FeedbackAccepted", "FeedbackReplied", "ReplyPublished")
STEPS = (("accept", "cb1", {}), ("reply", "cb1", {"reply": "Đã sửa"}), ("publish", "cb2", {}))
# Of one answered feedback: received, assigned, published.
LETTERS = 3


@contextlib.asynccontextmanager
async def answering(deployment: Deployment) -> AsyncIterator[None]:
    """While the block runs, agencies accept, answer and publish whatever is assigned to them, once for each assignment."""

    async def answer() -> None:
        read, done = 0, set()
        while True:
            records = deployment.observer.records[read:]
            read += len(records)
            for row in records:
                if row.name == "FeedbackAssigned" and row.topic.startswith("assignments.") and row.id not in done:
                    done.add(row.id)
                    for action, actor, more in STEPS:
                        await deployment.post.act(row.data["agency"], row.subject, action, actor, f"{row.id}-{action}", **more)
            await asyncio.sleep(0.02)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(answer())
        yield
        task.cancel()


async def all_published(deployment: Deployment, feedback_ids: Iterable[str]) -> None:
    """Wait until every feedback has its published reply and every clock of it is closed."""
    wanted = set(feedback_ids)

    async def left() -> dict[str, Any]:
        found = {name: {row.subject for row in deployment.observer.found(name, topic="feedback")} for name in FACTS}
        closed = {row.subject for row in deployment.observer.clocks("met", topic="feedback", rule="publish")}
        return {name: len(wanted - subjects) for name, subjects in (found | {"closed": closed}).items() if wanted - subjects}

    await until_empty(left, f"all of {len(wanted)} feedbacks are published", 240, deployment.status)


async def _all_written(deployment: Deployment, wanted: set[str]) -> None:
    """Wait until no letter about these feedbacks waits and what became of each is announced."""
    letters = deployment.documents("notify")["letters"]

    async def left() -> dict[str, Any]:
        rows = await letters.find({"feedback_id": {"$in": list(wanted)}}).to_list(None)
        waiting = [row for row in rows if row["state"] in ("queued", "sending") or row["announce"]]
        states = Counter(f"{row['moment']} {row['state']} {row['reason']} to say: {row['announce']}" for row in waiting)
        states += Counter({"not written": LETTERS * len(wanted) - len(rows)})
        return states

    await until_empty(left, "all letters are settled", 180, deployment.status)


async def _all_forwarded(deployment: Deployment, wanted: set[str]) -> None:
    """Wait until the agency of each feedback has what its sender wrote, as one fact."""

    async def others() -> dict[str, int]:
        rows = {(row.subject, row.id) for row in deployment.observer.found("MatterForwarded")}
        times = Counter(subject for subject, _ in rows)
        return {subject: times[subject] for subject in wanted if times[subject] != 1}

    await until_empty(others, "each agency has each matter once", 60, deployment.status)


async def check(deployment: Deployment, feedback_ids: Iterable[str]) -> None:
    """Nothing lost, nothing doubled, nothing left over, once all letters are settled."""
    wanted = set(feedback_ids)
    await _all_written(deployment, wanted)
    await _all_forwarded(deployment, wanted)
    await deployment.observer.all_read()
    orders: dict[str, dict[str, str]] = {subject: {} for subject in wanted}
    for row in deployment.observer.found(topic="feedback"):
        if row.subject in wanted and row.name in FACTS:
            assert orders[row.subject].setdefault(row.name, row.id) == row.id, f"doubled {row.name}"
    assert {tuple(order) for order in orders.values()} == {FACTS}, "each case has all facts, in one order"
    assert not deployment.observer.found("ActionRefused")
    assert not [row for row in deployment.observer.records if row.topic.startswith("dead.")]
    for service, collection, field, value in (
        ("intake", "feedbacks", "state", "published"),
        ("routing", "cases", "state", "published"),
        ("deadlines", "cases", "running", []),
    ):
        documents = deployment.documents(service)[collection]

        async def others(documents: Any = documents, field: str = field, value: Any = value) -> dict[str, Any]:
            rows = await documents.find({"_id": {"$in": list(wanted)}}, {field: 1}).to_list(None)
            found = {row["_id"]: row[field] for row in rows}
            return {key: found.get(key) for key in wanted if found.get(key) != value}

        await until_empty(others, f"{service} has every feedback with {field} {value}", status=deployment.status)
    codes = await deployment.documents("intake")["feedbacks"].find({"_id": {"$in": list(wanted)}}, {"code": 1}).to_list(None)
    assert len({row["code"] for row in codes}) == len(wanted)
    rows = await deployment.documents("notify")["letters"].find({"feedback_id": {"$in": list(wanted)}}).to_list(None)
    assert len(rows) == LETTERS * len(wanted)
    states = Counter(row["state"] for row in rows)
    assert set(states) <= {"sent", "uncertain"}, states
    assert not [message for message, count in deployment.mailbox.counts.items() if count != 1], "a letter came twice"
    announced = {row.data["notification_id"] for row in deployment.observer.found("NotificationSent", topic="feedback")}
    assert announced >= {row["_id"] for row in rows if row["state"] == "sent"}
