"""One feedback through all four services, in the order of docs/architecture.md, by public interfaces only."""

import re
import uuid
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from pakn.local.launcher import Servers
from tests.support.deployment import Deployment, deployed
from tests.support.outside_world import until
from tests.support.system import START

AGENCY = "gia-lai"


async def test_a_feedback_is_assigned_timed_answered_and_written_about(servers: Servers, tmp_path: Path) -> None:
    """Submitted, assigned, due on the right day, supplemented, sent back, published, warned in time, rated; four letters."""
    async with deployed(servers, tmp_path) as place:
        # It comes in and gets its code; the answer comes before anything else has happened.
        body = await place.submit(title="Đèn đường hỏng")
        feedback_id, code = body["feedback_id"], body["code"]
        secret = {"X-Lookup-Secret": body["lookup_secret"]}
        assert re.fullmatch(r"PAKN\.\d{8}\.\d{4,}", code)

        # It is assigned, in the lifecycle and in the agency's own topic, with the rule and its reason.
        for topic in ("feedback", f"assignments.{AGENCY}"):
            (assigned,) = await place.observer.wait("FeedbackAssigned", topic=topic, subject=feedback_id)
            assert (assigned.data["agency"], bool(assigned.data["routing_rule"]), bool(assigned.data["reason"])) == (
                AGENCY,
                True,
                True,
            )

        # The clocks start, and anybody can ask why it is due that day.
        (deadline,) = await place.observer.wait_clock("set", topic="feedback", subject=feedback_id, rule="handle_reply")
        explained = (await place.http.get(f"{place.stack.urls['deadlines']}/v1/feedback/{code}/deadlines")).json()
        clock = next(row for row in explained["clocks"] if row["rule"] == "handle_reply")
        assert (clock["due_date"], clock["days"][-1]["counted"]) == (deadline.data["due_date"], 15)

        # The sender has two letters: received, and passed on with the due date.
        await until(lambda: len(place.mailbox.counts) == 2, "two letters", 30)
        assert place.mailbox.secrets[code] == body["lookup_secret"]

        # The agency asks for more; the sender answers; a new limit starts.
        await place.post.act(AGENCY, feedback_id, "request_more", question="Ở đoạn nào?")
        await place.observer.wait("MoreRequested", topic="feedback", subject=feedback_id)
        url, headers = f"/v1/feedback/{code}", secret | {"Idempotency-Key": str(uuid.uuid4())}

        async def supplemented() -> bool:
            answer = await place.http.post(f"{url}/supplements", json={"content": "Trước số 12"}, headers=headers)
            return answer.status_code == 202

        await until(supplemented, "the question is shown and answered")
        await place.observer.wait("FeedbackSupplemented", topic=f"assignments.{AGENCY}", subject=feedback_id)
        await place.observer.wait_clock("set", topic="feedback", subject=feedback_id, rule="handle_reply", count=2)

        # It is warned three working days before the end of its new limit, once.
        last = place.observer.clocks("set", topic="feedback", subject=feedback_id, rule="handle_reply")[-1]
        place.set_clock(START + timedelta(days=(date.fromisoformat(last.data["due_date"]) - START.date()).days - 1))
        (warning,) = await place.observer.wait("DeadlineWarning", topic=f"assignments.{AGENCY}", rule="handle_reply", days_before=3)

        # Accepted, answered, sent back by another officer, answered again, published by another officer.
        await place.post.act(AGENCY, feedback_id, "accept")
        await place.post.act(AGENCY, feedback_id, "reply", reply="Sẽ sửa")
        await place.observer.wait("FeedbackReplied", topic="feedback", subject=feedback_id)
        own_check = await place.post.act(AGENCY, feedback_id, "publish")
        (refused,) = await place.observer.wait("ActionRefused", topic=f"assignments.{AGENCY}", action_id=own_check)
        assert [fault["field"] for fault in refused.data["faults"]] == ["actor"]
        await place.post.act(AGENCY, feedback_id, "send_back", actor="cb2", reason="Chưa nói bao giờ sửa")
        await place.post.act(AGENCY, feedback_id, "reply", reply="Đã sửa ngày 20")
        await place.observer.wait("FeedbackReplied", topic="feedback", subject=feedback_id, count=2)
        await place.post.act(AGENCY, feedback_id, "publish", actor="cb2")
        await place.observer.wait("ReplyPublished", topic="feedback", subject=feedback_id)
        met = await place.observer.wait_clock("met", topic="feedback", subject=feedback_id, rule="publish")
        assert met[-1].data["late"] is False

        # The letters arrive once each, the reply is shown, and the sender rates it.
        await until(lambda: len(place.mailbox.counts) == 4, "four letters: received, passed on, asked, published", 30)
        shown = await until(lambda: _published(place, url), "the reply is shown")
        assert shown["reply"] == "Đã sửa ngày 20"
        assert not {"title", "content", "sender"} & shown.keys()
        rated = await place.http.post(f"{url}/rating", json={"satisfied": True}, headers=secret)
        assert rated.status_code == 202
        await place.observer.wait("FeedbackRated", topic="feedback", subject=feedback_id, satisfied=True)
        await place.observer.wait("NotificationSent", topic="feedback", subject=feedback_id, count=4)
        assert set(place.mailbox.counts.values()) == {1}
        assert (
            len({row.id for row in place.observer.found("DeadlineWarning", subject=feedback_id) if row.data == warning.data}) == 1
        )
        assert not place.observer.found("FeedbackOverdue", subject=feedback_id)


async def _published(place: Deployment, url: str) -> dict[str, Any]:
    view: dict[str, Any] = (await place.http.get(url)).json()
    return view if view["state"] == "published" else {}
