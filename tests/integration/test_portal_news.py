"""What a portal hears of its own cases in its outbox, and what its senders do later by its inbox."""

from typing import Any

from services.intake.domain import lookup_secret
from tests.integration.test_intake_http import PDF
from tests.integration.test_intake_portals import inline, registered
from tests.integration.test_portal_tokens import sent as token_of
from tests.support.outside_world import GOOD, Seen
from tests.support.system import SECRET_KEY, System

PORTAL = "danang-1022"  # The pack of the tests lets this one have the look-up secrets.


async def told(system: System, step: str, portal: str = PORTAL, **what: Any) -> Seen:
    return (await system.observer.wait("SubmissionProgressed", topic=f"outbox.{portal}", step=step, **what))[0]


async def refused(system: System, act_id: str) -> Seen:
    return (await system.observer.wait("SenderActRefused", topic=f"outbox.{PORTAL}", act_id=act_id))[0]


async def test_a_portal_hears_of_each_step_that_its_sender_sees_and_acts_for_him(system: System) -> None:
    """It was blind after the code: no secret, no question, no reply, and nothing that its sender could do."""
    own_id = await system.post.portal(PORTAL, GOOD | {"reference": "DN-1"})
    answer = (await registered(system, own_id, PORTAL)).data
    case, code = answer["feedback_id"], answer["code"]
    assert answer["lookup_secret"] == lookup_secret(SECRET_KEY, case)
    step = await told(system, "FeedbackAssigned", code=code)
    assert (step.data["submission_id"], step.data["reference"], step.data["agency"]) == (own_id, "DN-1", "gia-lai")
    await system.post.act("gia-lai", case, "request_more", question="Cột nào?")
    asked = await told(system, "MoreRequested", code=code)
    assert (asked.data["question"], asked.data["state"]) == ("Cột nào?", "waiting_for_supplement")

    act = {"reference": "DN-1", "content": "Cột 118", "attachments": [inline("don.pdf", PDF)]}
    act_id = await system.post.sender_act(PORTAL, "PortalSupplement", **act)
    taken = await told(system, "FeedbackSupplemented", code=code)
    assert (taken.data["act_id"], asked.data.get("act_id")) == (act_id, None), "which of its acts the portal hears of"
    matter = (await system.observer.wait("MatterForwarded", count=2, subject=case))[-1].data
    assert matter["supplements"][0]["content"] == "Cột 118"
    assert matter["supplements"][0]["attachments"][0]["name"] == "don.pdf"

    await system.post.act("gia-lai", case, "reply", reply="Đã sửa", document_number="12/UBND")
    await system.post.act("gia-lai", case, "publish", "cb2")
    reply = await told(system, "ReplyPublished", code=code)
    assert (reply.data["reply"], reply.data["document_number"]) == ("Đã sửa", "12/UBND")
    assert "question" not in {name for name, value in reply.data.items() if value is not None}
    assert "reply" not in (await told(system, "FeedbackReplied", code=code)).data, "not before it is public"
    rated = await system.post.sender_act(PORTAL, "PortalRating", submission_id=own_id, satisfied=False)
    assert (await told(system, "FeedbackRated", code=code)).data["act_id"] == rated

    await system.post.sender_act(PORTAL, "PortalSupplement", act_id, **act)
    again = await system.post.sender_act(PORTAL, "PortalRating", code=code, satisfied=True)
    assert (await refused(system, again)).data["faults"][0]["code"] == "not_in_this_state"
    await system.settled("intake")
    repeated = system.observer.found("SubmissionProgressed", code=code, step="FeedbackSupplemented")
    assert {(row.id, row.value) for row in repeated} == {(taken.id, taken.value)}, "the same answer to the same act"
    assert len(system.observer.found("FeedbackSupplemented", topic="feedback", subject=case)) == 1
    page = (await system.http.get(f"/v1/feedback/{code}", headers={"X-Lookup-Secret": answer["lookup_secret"]})).json()
    heard = {row.id: row.data["step"] for row in system.observer.found("SubmissionProgressed", code=code)}
    assert sorted(heard.values()) == sorted(step["type"] for step in page["timeline"] if step["type"] != "FeedbackSubmitted")


async def test_no_portal_hears_of_or_acts_in_another_ones_case(system: System) -> None:
    own_id = await system.post.portal("cdvcqg", GOOD | {"reference": "QG-7"})
    answer = (await registered(system, own_id)).data
    assert "lookup_secret" not in answer, "the pack does not say that this portal gets it"
    case, code = answer["feedback_id"], answer["code"]
    await told(system, "FeedbackAssigned", "cdvcqg", code=code)
    await system.post.act("gia-lai", case, "refuse", reason="Không rõ")
    assert (await told(system, "FeedbackNotAccepted", "cdvcqg", code=code)).data["reason"] == "Không rõ"
    for which in ({"code": code}, {"reference": "QG-7"}, {"submission_id": own_id}):
        act_id = await system.post.sender_act(PORTAL, "PortalRating", satisfied=True, **which)
        fault = (await refused(system, act_id)).data
        assert [row["code"] for row in fault["faults"]] == ["not_your_case"]
        assert which.items() <= fault.items()
    nothing = await system.post.sender_act(PORTAL, "PortalSupplement", content="x")
    assert (await refused(system, nothing)).data["faults"][0]["code"] == "missing"
    wrong = await system.post.sender_act(PORTAL, "PortalSupplement", code=code, contents="x")
    assert (await refused(system, wrong)).faulty == ["content", "contents"]
    assert not [row for row in system.observer.found(topic=f"outbox.{PORTAL}") if row.subject == case]


async def test_what_a_portal_sent_by_http_it_names_by_its_own_id_too(system: System) -> None:
    for headers in ({"Idempotency-Key": "a-key-of-the-portal-1"}, {}):
        sent = await system.http.post("/v1/feedback", json=GOOD, headers=token_of(PORTAL) | headers)
        own_id = (await told(system, "FeedbackAssigned", code=sent.json()["code"])).data["submission_id"]
        act_id = await system.post.sender_act(PORTAL, "PortalRating", submission_id=own_id, satisfied=True)
        assert (await refused(system, act_id)).data["faults"][0]["code"] == "not_in_this_state", "it was found"


async def test_a_reference_that_two_cases_have_names_none_of_them(system: System) -> None:
    for own_id in ("twice-1", "twice-2"):
        await registered(system, await system.post.portal(PORTAL, GOOD | {"reference": "DN-2"}, own_id), PORTAL)
    act_id = await system.post.sender_act(PORTAL, "PortalRating", reference="DN-2", satisfied=True)
    assert "send the code" in (await refused(system, act_id)).data["faults"][0]["message"]
