"""No topic that is kept for ever holds a word of a sender's, whatever has happened to his feedback."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

import schemas
from schemas import topics
from tests.integration.conftest import MakeSystem
from tests.integration.test_intake_http import PDF, form
from tests.integration.test_intake_portals import inline, registered
from tests.integration.test_portal_news import told
from tests.integration.test_reply_files import stored
from tests.support import declared
from tests.support.outside_world import GOOD, SENDER
from tests.support.system import BUILDERS, START, System

SAID = {"title": "Tieu de mot", "content": "Noi dung hai", "unit": "To dan pho ba", "place": {"description": "Ngo bon"}}
WORDS = ("Tieu de mot", "Noi dung hai", "To dan pho ba", "Ngo bon")
BY_HTTP, BY_PORTAL = (*WORDS, "tep-nam.pdf", "Bo sung sau", "tep-bay.pdf"), (*WORDS, "tep-tam.pdf", "Bo sung chin", "tep-muoi.pdf")
OBJECTION = "Phan doi muoi mot"
TEXTS = {*BY_HTTP, *BY_PORTAL, OBJECTION, *SENDER.values()}
PORTAL = "danang-1022"
# What a corrected law, the mail server and an agency that was never in charge bring about: no sender's word is near it.
OF_NO_PARTY = {"DeadlineMoved", "OverdueWithdrawn", "NotificationSent", "NotificationFailed", "FeedbackReturned"}


async def live_by_portal(system: System) -> None:
    """A portal's case from its submission to its rating, with files of both sides.

    What a portal and an agency may get wrong is refused: another's case, fields that are missing, a type of file.
    """
    own_id = await system.post.portal(PORTAL, GOOD | SAID | {"reference": "DN-1", "attachments": [inline("tep-tam.pdf", PDF)]})
    case, code = [(await registered(system, own_id, PORTAL)).data[name] for name in ("feedback_id", "code")]
    await system.observer.wait("FeedbackAssigned", topic="assignments.gia-lai", subject=case)
    await system.post.act("gia-lai", case, "accept")
    await system.post.act("gia-lai", case, "request_more", question="Ở đâu?")
    await told(system, "MoreRequested", code=code)
    supplement = {"content": "Bo sung chin", "attachments": [inline("tep-muoi.pdf", PDF)]}
    await system.post.sender_act(PORTAL, "PortalSupplement", code=code, **supplement)
    await system.observer.wait("MatterForwarded", topic="assignments.gia-lai", count=2, subject=case)
    own_file = await system.post.reply_file("gia-lai", case, "cong-van.pdf", PDF)
    file = (await stored(system, own_file)).data["file"]["id"]
    for action, actor, more in (
        ("reply", "cb1", {"reply": "Đã sửa"}),
        ("send_back", "cb2", {"reason": "Thiếu công văn"}),
        ("reply", "cb1", {"reply": "Đã sửa", "attachments": [file]}),
        ("publish", "cb2", {}),
    ):
        await system.post.act("gia-lai", case, action, actor, **more)
    await told(system, "ReplyPublished", code=code)
    acts = {"PortalSupplement": supplement, "PortalRating": {"satisfied": False}, "PortalObjection": {"content": OBJECTION}}
    for kind, act in acts.items():
        await system.post.sender_act(PORTAL, kind, code=code, **act)
        refused = await system.post.sender_act("cdvcqg", kind, code=code, **act)
        await system.observer.wait("SenderActRefused", topic="outbox.cdvcqg", act_id=refused)
        await system.post.event("inbox.cdvcqg", kind, {}, None)
    await told(system, "FeedbackRated", code=code)
    refused = await system.post.reply_file("gia-lai", case, "cong-van.exe", PDF)
    await system.observer.wait("ActionRefused", topic="assignments.gia-lai", action_id=refused)


@pytest.fixture(scope="module")
async def demo(make_system: MakeSystem) -> AsyncIterator[System]:
    """A system in which everything has happened that senders, portals and agencies do, in order and out of order; it is settled."""
    async with make_system() as system:
        await system.start(*BUILDERS)
        body = (await system.http.post("/v1/feedback", **form(GOOD | SAID, ("tep-nam.pdf", PDF)))).json()
        await system.http.post("/v1/feedback", **form(GOOD | SAID | {"category": "to-cao"}))
        await system.post.portal("cdvcqg", GOOD | SAID)
        await system.post.portal("cdvcqg", GOOD | SAID | {"category": "khong-co"})
        case = {"subject": body["feedback_id"]}
        await system.observer.wait("FeedbackAssigned", topic="assignments.gia-lai", **case)
        await system.post.act("gia-lai", case["subject"], "request_more", question="Ở đâu?")
        await system.shows(body, "waiting_for_supplement")
        url, secret = f"/v1/feedback/{body['code']}", {"X-Lookup-Secret": body["lookup_secret"]}
        supplement = form({"content": "Bo sung sau"}, ("tep-bay.pdf", PDF))
        assert (await system.http.post(f"{url}/supplements", **supplement, headers=secret)).status_code == 202
        await system.observer.wait("MatterForwarded", topic="assignments.gia-lai", count=2, **case)
        await system.post.act("gia-lai", case["subject"], "transfer", to_agency="da-nang", reason="Thuộc Đà Nẵng")
        await system.observer.wait("MatterForwarded", topic="assignments.da-nang", **case)
        await system.post.act("gia-lai", case["subject"], "accept")
        await system.post.event("actions.gia-lai", "AgencyAction", {"action": "dance"}, "an-act")
        await system.post.raw("actions.gia-lai", b"{}")
        await system.post.raw("inbox.cdvcqg", b"{}")
        await system.post.act("da-nang", case["subject"], "reply", reply="Đã sửa")
        await system.post.act("da-nang", case["subject"], "publish", "cb2")
        await system.shows(body, "published")
        await system.senders_act(body, "rating", {"satisfied": False})
        await system.observer.wait("FeedbackRated", **case)
        await live_by_portal(system)
        system.set_clock(START + timedelta(days=40))
        await system.observer.wait("FeedbackOverdue", topic="feedback")
        await system.settled()
        yield system


async def test_no_topic_that_is_kept_for_ever_holds_what_senders_wrote(demo: System) -> None:
    """Titles and contents, often with names and numbers in them, stood in the lifecycle topic, where nobody could erase them."""
    agencies, portals = [row.id for row in demo.pack.agencies], [row.id for row in demo.pack.header.portals]
    for_ever = {row.name for row in topics.all_topics(agencies, portals) if row.retention_ms == -1 and not row.compacted}
    assert for_ever == {topics.FEEDBACK}
    kept = [record for record in demo.observer.records if record.topic in for_ever]
    assert len({record.name for record in kept}) > 8
    for record in kept:
        whole = repr((record.key, (record.value or b"").decode(), record.headers))
        assert not [text for text in TEXTS if text in whole], record.name
    (last,) = demo.observer.found("MatterForwarded", topic="assignments.da-nang")
    assert not [text for text in BY_HTTP if text not in (last.value or b"").decode()]
    matters = [(record.value or b"").decode() for record in demo.observer.found("MatterForwarded", topic="assignments.gia-lai")]
    assert [value for value in matters if all(text in value for text in BY_PORTAL)]


async def test_every_record_is_what_the_contracts_say_of_it(demo: System) -> None:
    """The cause was the id of no event, the subject was not what was declared, and each record had a header of a library's."""
    seen = {record.name for record in demo.observer.records}
    assert {model.event_name() for model in schemas.CATALOGUE.values()} - seen == OF_NO_PARTY
    assert declared.faults(demo.observer.records) == []
