"""Objections by the JSON interface and by a portal's topic: as on the page, on the same grounds."""

import uuid
from typing import Any

from tests.integration.test_intake_http import PDF
from tests.integration.test_intake_portals import inline, registered
from tests.integration.test_portal_news import PORTAL, refused, told
from tests.support.outside_world import GOOD
from tests.support.system import System


async def answer(system: System, case: str) -> None:
    await system.post.act("gia-lai", case, "reply", reply="Đã sửa")
    await system.post.act("gia-lai", case, "publish", actor="cb2")


async def test_a_program_objects_with_the_secret_and_again_with_its_key_has_no_second_effect(system: System) -> None:
    body = await system.assigned()
    url, headers = f"/v1/feedback/{body['code']}", {"X-Lookup-Secret": body["lookup_secret"]}

    async def object_to(more: dict[str, str] = headers, content: str = "Vẫn tối", **form: Any) -> Any:
        return await system.http.post(f"{url}/objections", headers=more, **(form or {"json": {"content": content}}))

    early = await object_to()
    assert (early.status_code, early.json()["type"]) == (409, "urn:pakn:problem:no-objection-now")
    await answer(system, body["feedback_id"])
    await system.shows(body, "published")
    assert (await object_to()).status_code == 409, "not before the sender has said that he is not satisfied"
    await system.http.post(f"{url}/rating", json={"satisfied": False}, headers=headers)
    assert (await object_to({})).status_code == 403
    assert (await object_to(content="")).status_code == 422
    key = headers | {"Idempotency-Key": str(uuid.uuid4())}
    parts = [("feedback", (None, b'{"content": "V\xe1\xba\xabn t\xe1\xbb\x91i"}')), ("attachments", ("a.pdf", PDF))]
    taken = await object_to(key, files=parts)
    assert (taken.status_code, taken.json()) == (202, {"code": body["code"], "state": "appealed"})
    (assigned,) = await system.observer.wait(
        "FeedbackAssigned", subject=body["feedback_id"], routing_rule="appeal", topic="feedback"
    )
    await system.shows(body, "assigned")
    assert (await object_to(key, files=parts)).status_code == 202
    assert (await object_to(key, content="Khác")).status_code == 409, "one objection is what the pack takes"
    appeals = (await system.view(body, secret=True))["appeals"]
    assert [(row["content"], len(row["attachments"])) for row in appeals] == [("Vẫn tối", 1)]
    await system.settled()
    assert len(system.observer.found("FeedbackAppealed", topic="feedback", subject=body["feedback_id"])) == 1
    assert assigned.data["previous_agency"] == "gia-lai"


async def test_a_portal_hands_on_an_objection_and_hears_of_it(system: System) -> None:
    own_id = await system.post.portal(PORTAL, GOOD)
    sent = (await registered(system, own_id, PORTAL)).data
    case, code = sent["feedback_id"], sent["code"]
    await told(system, "FeedbackAssigned", code=code)
    early = await system.post.sender_act(PORTAL, "PortalObjection", code=code, content="Vẫn tối")
    assert (await refused(system, early)).data["faults"][0]["code"] == "not_in_this_state"
    await answer(system, case)
    await told(system, "ReplyPublished", code=code)
    await system.post.sender_act(PORTAL, "PortalRating", code=code, satisfied=False)
    act = {"code": code, "content": "Vẫn tối", "attachments": [inline("a.pdf", PDF)]}
    act_id = await system.post.sender_act(PORTAL, "PortalObjection", **act)
    heard = await told(system, "FeedbackAppealed", code=code)
    assert (heard.data["act_id"], heard.data["state"]) == (act_id, "appealed")
    coordinator = system.pack.header.coordinator
    (matter,) = await system.observer.wait("MatterForwarded", topic=f"assignments.{coordinator}", code=code)
    assert [(row["content"], row["attachments"][0]["name"]) for row in matter.data["appeals"]] == [("Vẫn tối", "a.pdf")]
    await system.post.sender_act(PORTAL, "PortalObjection", act_id, **act)
    await system.post.sender_act(PORTAL, "PortalObjection", **(act | {"content": "Lại nữa"}))
    await system.observer.wait("SenderActRefused", topic=f"outbox.{PORTAL}", count=2, code=code)
    await system.settled()
    assert len(system.observer.found("FeedbackAppealed", topic="feedback", subject=case)) == 1
