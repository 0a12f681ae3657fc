"""What agencies do, by their own topics: lawful becomes a fact, everything else comes back with the reason."""

import uuid
from typing import Any

import pytest

from tests.support.outside_world import Seen, envelope, until
from tests.support.system import System

TYPE = "pakn.AgencyAction.v1"


async def refusals(system: System, action_id: str, agency: str = "gia-lai") -> list[Seen]:
    return await system.observer.wait("ActionRefused", topic=f"assignments.{agency}", action_id=action_id)


def fields(record: Seen) -> list[str]:
    return sorted(fault["field"] for fault in record.data["faults"])


async def test_lawful_actions_become_facts_in_their_order(system: System) -> None:
    body = await system.assigned()
    feedback_id = body["feedback_id"]
    for action, actor, more in (
        ("accept", "cb1", {}),
        ("reply", "cb1", {"reply": "Đã sửa", "document_number": "12/UBND"}),
        ("send_back", "cb2", {"reason": "Chưa rõ"}),
        ("reply", "cb1", {"reply": "Đã sửa ngày 2/3"}),
        ("publish", "cb2", {}),
    ):
        await system.post.act("gia-lai", feedback_id, action, actor, **more)
    (published,) = await system.observer.wait("ReplyPublished", subject=feedback_id)
    assert published.data["reply"] == "Đã sửa ngày 2/3"
    names = [
        row.name for row in system.observer.found(topic="feedback", subject=feedback_id) if not row.name.startswith("Deadline")
    ]
    assert names == [
        "FeedbackSubmitted", "FeedbackAssigned", "FeedbackAccepted", "FeedbackReplied", "ReplySentBack", "FeedbackReplied",
        "ReplyPublished",
    ]  # fmt: skip
    assert not system.observer.found("ActionRefused", subject=feedback_id)


async def test_an_unlawful_action_comes_back_with_the_reason_and_changes_nothing(system: System) -> None:
    body = await system.assigned()
    own_id = await system.post.act("gia-lai", body["feedback_id"], "publish", "cb2")
    (refused,) = await refusals(system, own_id)
    assert (refused.data["action"], refused.data["feedback_id"]) == ("publish", body["feedback_id"])
    assert fields(refused) == ["action"]
    assert not system.observer.found("ActionRefused", topic="feedback"), "it is the agency's business alone"
    assert (await system.view(body))["state"] in ("submitted", "assigned")


async def test_another_agencys_case_cannot_be_touched_nor_looked_into(system: System) -> None:
    body = await system.assigned()
    own_id = await system.post.act("da-nang", body["feedback_id"], "reply", reply="Không phải của tôi")
    (refused,) = await refusals(system, own_id, "da-nang")
    unknown = await system.post.act("da-nang", str(uuid.uuid4()), "reply", reply="Không có")
    (of_none,) = await refusals(system, unknown, "da-nang")
    assert fields(refused) == fields(of_none) == ["feedback_id"]
    assert body["code"].encode() not in (refused.value or b"")
    assert not system.observer.found("FeedbackReplied", subject=body["feedback_id"])


async def test_a_repeated_action_has_one_effect_and_the_same_facts_again(system: System) -> None:
    body = await system.assigned()
    own_id = await system.post.act("gia-lai", body["feedback_id"], "request_more", question="Ở đâu?")
    (first,) = await system.observer.wait("MoreRequested", subject=body["feedback_id"])
    await system.post.act("gia-lai", body["feedback_id"], "request_more", event_id=own_id, question="Ở đâu?")
    await system.settled("routing")
    await system.observer.all_read()
    again = system.observer.found("MoreRequested", subject=body["feedback_id"])
    assert {(row.id, row.value) for row in again} == {(first.id, first.value)}
    assert not system.observer.found("ActionRefused", subject=body["feedback_id"])


async def test_a_refused_action_stays_refused_under_its_id_when_it_has_become_lawful(system: System) -> None:
    """After a crash a batch is read again; what was answered with no must not turn into a fact then."""
    body = await system.assigned()
    own_id = await system.post.act("gia-lai", body["feedback_id"], "publish", "cb2")
    (first,) = await refusals(system, own_id)
    await system.post.act("gia-lai", body["feedback_id"], "reply", reply="Đã sửa")
    await system.observer.wait("FeedbackReplied", subject=body["feedback_id"])
    await system.post.act("gia-lai", body["feedback_id"], "publish", "cb2", event_id=own_id)
    await system.settled("routing")
    await system.observer.all_read()
    assert {row.id for row in system.observer.found("ActionRefused", action_id=own_id)} == {first.id}
    assert not system.observer.found("ReplyPublished", subject=body["feedback_id"])


async def test_two_agencies_may_use_the_same_id_of_their_own(system: System) -> None:
    one, other = await system.assigned(), await system.assigned("da-nang", province="da-nang")
    own_id = str(uuid.uuid4())
    await system.post.act("gia-lai", one["feedback_id"], "accept", event_id=own_id)
    await system.post.act("da-nang", other["feedback_id"], "accept", event_id=own_id)
    for body in (one, other):
        await system.observer.wait("FeedbackAccepted", subject=body["feedback_id"])


async def test_a_transferred_case_is_the_new_agencys_alone(system: System) -> None:
    body = await system.assigned()
    await system.post.act("gia-lai", body["feedback_id"], "transfer", to_agency="da-nang", reason="Thuộc Đà Nẵng")
    (assigned,) = await system.observer.wait("FeedbackAssigned", topic="assignments.da-nang", subject=body["feedback_id"])
    assert (assigned.data["previous_agency"], assigned.data["title"]) == ("gia-lai", "Đường hỏng")
    await system.observer.wait("FeedbackTransferred", topic="assignments.gia-lai", subject=body["feedback_id"])
    too_late = await system.post.act("gia-lai", body["feedback_id"], "accept")
    assert fields((await refusals(system, too_late))[0]) == ["feedback_id"]


def headers(**more: bytes | None) -> list[tuple[str, bytes | None]]:
    base: dict[str, bytes | None] = {key: value.encode() for key, value in envelope(TYPE, str(uuid.uuid4())).items()}
    return list((base | more).items())


WRONG: dict[str, tuple[bytes | None, dict[str, bytes | None], str]] = {
    "null header": (b"{}", {"ce_type": None}, "unreadable"),
    "not UTF-8": (b"{}", {"ce_id": b"\xff"}, "unreadable"),
    "unknown type": (b"{}", {"ce_type": b"pakn.FeedbackAssigned.v1"}, "unknown_type"),
    "unknown version": (b"{}", {"ce_type": b"pakn.AgencyAction.v7"}, "unknown_schema"),
    "no value": (None, {}, "invalid"),
    "garbage": (b"\x80\x81", {}, "invalid"),
    "deep": (b"[" * 100_000, {}, "invalid"),
    "unknown action": (b'{"action": "erase", "actor": "a", "feedback_id": "x"}', {}, "invalid"),
    "an officer's address": (
        b'{"action": "accept", "actor": "a@b.vn", "feedback_id": "6f0e4a9c-52f7-5d5e-9f0c-3a1a5e0c1f22"}',
        {},
        "invalid",
    ),
}


@pytest.mark.parametrize("what", WRONG)
async def test_what_cannot_be_read_is_answered_and_a_dead_letter_and_the_batch_goes_on(system: System, what: str) -> None:
    value, more, reason = WRONG[what]
    before, after = await system.assigned("da-nang", province="da-nang"), await system.assigned("da-nang", province="da-nang")
    seen = (
        len(system.observer.found(topic="dead.routing")),
        len(system.observer.found("ActionRefused", topic="assignments.da-nang")),
    )
    await system.post.act("da-nang", before["feedback_id"], "accept")
    await system.post.raw("actions.da-nang", value, headers(**more), key=b"wrong")
    await system.post.act("da-nang", after["feedback_id"], "accept")
    for body in (before, after):
        await system.observer.wait("FeedbackAccepted", subject=body["feedback_id"])
    await system.settled("routing")
    await system.observer.all_read()
    (dead,) = system.observer.found(topic="dead.routing")[seen[0] :]
    assert (dead.headers["reason"], dead.value or b"", dead.key) == (reason, value or b"", b"wrong")
    (refused,) = system.observer.found("ActionRefused", topic="assignments.da-nang")[seen[1] :]
    assert refused.data["faults"]


@pytest.mark.parametrize(
    ("topic", "value", "kind"),
    [
        ("feedback", b"garbage", "FeedbackSubmitted"),
        ("feedback", b"garbage", "FeedbackAssigned"),
        ("feedback", b"{}", "MoreRequested"),
        ("feedback", b"garbage", "UnknownEvent"),
        ("feedback", None, "FeedbackAssigned"),
    ],
)
async def test_garbage_in_the_lifecycle_topic_stops_nobody(system: System, topic: str, value: bytes | None, kind: str) -> None:
    lines: list[tuple[str, bytes | None]] = [(key, text.encode()) for key, text in envelope(f"pakn.{kind}.v1", "e-1").items()]
    await system.post.raw(topic, value, lines, key=b"garbage")
    await system.post.raw(topic, value, [("ce_id", None), ("\u0111", b"\xff")], key=b"garbage")
    body: dict[str, Any] = await system.assigned()
    await system.observer.wait("DeadlineSet", subject=body["feedback_id"], rule="handle_reply")
    await system.shows(body, "assigned")
    await system.settled()


async def test_a_used_action_id_with_another_content_is_not_dropped_in_silence(system: System) -> None:
    """An agency that numbers its acts by the case would have its second reply taken for the first one."""
    body = await system.assigned()
    own_id = await system.post.act("gia-lai", body["feedback_id"], "reply", reply="Thứ nhất", event_id="A1")
    await system.post.act("gia-lai", body["feedback_id"], "send_back", "cb2", reason="Chưa rõ")
    for _ in range(2):
        await system.post.act("gia-lai", body["feedback_id"], "reply", reply="Thứ hai", event_id=own_id)
    await system.post.act("gia-lai", body["feedback_id"], "publish", "cb2")
    (published,) = await system.observer.wait("ReplyPublished", subject=body["feedback_id"])
    assert published.data["reply"] == "Thứ hai"
    assert not system.observer.found("ActionRefused", subject=body["feedback_id"])


async def test_what_can_never_be_saved_is_a_dead_letter_and_stops_nothing_behind_it(system: System) -> None:
    """A document that is full once stopped the service, and after each start again, with all that stood behind it."""
    full, other = await system.assigned(), await system.assigned()
    cases = system.documents("routing")["cases"]
    await cases.update_one({"_id": full["feedback_id"]}, {"$set": {"padding": "x" * (16 * 1024 * 1024 - 20_000)}})
    own_id = await system.post.act("gia-lai", full["feedback_id"], "reply", reply="ạ" * 20_000)
    await system.post.act("gia-lai", other["feedback_id"], "accept")
    await system.observer.wait("FeedbackAccepted", subject=other["feedback_id"])
    await until(
        lambda: [row for row in system.observer.found(topic="dead.routing") if row.headers["reason"] == "unsavable"],
        "the action is a dead letter",
    )
    (refused,) = await refusals(system, own_id)
    assert "more than the database can keep" in refused.data["faults"][0]["message"]
    assert not system.observer.found("FeedbackReplied", subject=full["feedback_id"])
    await cases.update_one({"_id": full["feedback_id"]}, {"$unset": {"padding": ""}})
