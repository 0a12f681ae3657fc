"""What agencies do, by their own topics: lawful becomes a fact, everything else comes back with the reason."""

import uuid

import pytest

from tests.support.outside_world import Seen, lines, until
from tests.support.system import System


async def refusal(system: System, action_id: str) -> Seen:
    return (await system.observer.wait("ActionRefused", topic="assignments.gia-lai", action_id=action_id))[0]


async def test_a_repeated_action_has_one_effect_and_the_same_facts_again(system: System) -> None:
    body = await system.assigned()
    own_id = await system.post.act("gia-lai", body["feedback_id"], "request_more", question="Ở đâu?")
    (first,) = await system.observer.wait("MoreRequested", subject=body["feedback_id"])
    await system.post.act("gia-lai", body["feedback_id"], "request_more", event_id=own_id, question="Ở đâu?")
    await system.settled("routing")
    again = system.observer.found("MoreRequested", subject=body["feedback_id"])
    assert {(row.id, row.value) for row in again} == {(first.id, first.value)}
    assert not system.observer.found("ActionRefused", subject=body["feedback_id"])


async def test_a_refused_action_stays_refused_under_its_id_when_it_has_become_lawful(system: System) -> None:
    """After a crash a batch is read again; what was answered with no must not turn into a fact then."""
    body = await system.assigned()
    own_id = await system.post.act("gia-lai", body["feedback_id"], "publish", "cb2")
    first = await refusal(system, own_id)
    assert first.faulty == ["action"]
    await system.post.act("gia-lai", body["feedback_id"], "reply", reply="Đã sửa")
    await system.observer.wait("FeedbackReplied", subject=body["feedback_id"])
    await system.post.act("gia-lai", body["feedback_id"], "publish", "cb2", event_id=own_id)
    await system.settled("routing")
    assert {row.id for row in system.observer.found("ActionRefused", action_id=own_id)} == {first.id}
    assert not system.observer.found("ReplyPublished", subject=body["feedback_id"])
    assert not system.observer.found("ActionRefused", topic="feedback"), "it is the agency's business alone"


async def test_a_transferred_case_is_the_new_agencys_alone(system: System) -> None:
    body = await system.assigned()
    await system.post.act("gia-lai", body["feedback_id"], "transfer", to_agency="da-nang", reason="Thuộc Đà Nẵng")
    (assigned,) = await system.observer.wait("FeedbackAssigned", topic="assignments.da-nang", subject=body["feedback_id"])
    assert assigned.data["previous_agency"] == "gia-lai"
    (forwarded,) = await system.observer.wait("MatterForwarded", topic="assignments.da-nang", subject=body["feedback_id"])
    assert (forwarded.data["agency"], forwarded.data["title"]) == ("da-nang", "Đường hỏng")
    await system.observer.wait("FeedbackTransferred", topic="assignments.gia-lai", subject=body["feedback_id"])
    of_another = await system.post.act("gia-lai", body["feedback_id"], "accept")
    of_none = await system.post.act("gia-lai", str(uuid.uuid4()), "reply", reply="Không có")
    for own_id in (of_another, of_none):
        refused = await refusal(system, own_id)
        assert refused.faulty == ["feedback_id"]
        assert body["code"].encode() not in (refused.value or b"")


WRONG: dict[str, tuple[bytes | None, dict[str, bytes | None], str]] = {
    "not UTF-8": (b"{}", {"ce_id": b"\xff"}, "unreadable"),
    "a fact that only PAKN states": (b"{}", {"ce_type": b"pakn.FeedbackSubmitted.v1"}, "unknown_type"),
    "unknown type": (b"{}", {"ce_type": b"pakn.FeedbackAssigned.v1"}, "unknown_type"),
    "unknown version": (b"{}", {"ce_type": b"pakn.AgencyAction.v7"}, "unknown_schema"),
    "no value": (None, {}, "invalid"),
    "garbage": (b"\x80\x81", {}, "invalid"),
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
    dead_before = len(system.observer.found(topic="dead.routing"))
    refused_before = len(system.observer.found("ActionRefused", topic="assignments.da-nang"))
    await system.post.act("da-nang", before["feedback_id"], "accept")
    await system.post.raw("actions.da-nang", value, lines("AgencyAction", str(uuid.uuid4()), **more), key=b"wrong")
    await system.post.act("da-nang", after["feedback_id"], "accept")
    for body in (before, after):
        await system.observer.wait("FeedbackAccepted", subject=body["feedback_id"])
    await system.settled("routing")
    (dead,) = system.observer.found(topic="dead.routing")[dead_before:]
    assert (dead.headers["reason"], dead.value or b"", dead.key) == (reason, value or b"", b"wrong")
    (refused,) = system.observer.found("ActionRefused", topic="assignments.da-nang")[refused_before:]
    assert refused.faulty


async def test_garbage_in_the_lifecycle_topic_stops_nobody(system: System) -> None:
    garbage = [(b"garbage", kind) for kind in ("FeedbackSubmitted", "FeedbackAssigned", "UnknownEvent")]
    for value, kind in [*garbage, (b"{}", "MoreRequested"), (None, "FeedbackAssigned")]:
        await system.post.raw("feedback", value, lines(kind, "e-1"), key=b"garbage")
        await system.post.raw("feedback", value, [("ce_id", None), ("\u0111", b"\xff")], key=b"garbage")
    await system.shows(await system.timed(), "assigned")
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
    refused = await refusal(system, own_id)
    assert "more than the database can keep" in refused.data["faults"][0]["message"]
    assert not system.observer.found("FeedbackReplied", subject=full["feedback_id"])
    await cases.update_one({"_id": full["feedback_id"]}, {"$unset": {"padding": ""}})
