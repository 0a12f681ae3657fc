"""Replies with files: checked and stored first, named by the reply, and public from when it is published."""

import hashlib

from tests.integration.test_intake_http import PDF, PNG, token
from tests.integration.test_portal_news import told
from tests.support.outside_world import GOOD, Seen
from tests.support.photos import photo
from tests.support.system import System


async def stored(system: System, own_id: str, agency: str = "gia-lai") -> Seen:
    return (await system.observer.wait("ReplyFileStored", topic=f"assignments.{agency}", action_id=own_id))[0]


async def refusal(system: System, action_id: str, agency: str = "gia-lai") -> dict[str, str]:
    (answer,) = await system.observer.wait("ActionRefused", topic=f"assignments.{agency}", action_id=action_id)
    return {fault["field"]: fault["code"] for fault in answer.data["faults"]}


async def test_the_files_of_a_reply_are_public_with_it_and_not_before(system: System) -> None:
    body = await system.assigned()
    case, code = body["feedback_id"], body["code"]
    own_id = await system.post.reply_file("gia-lai", case, "Công văn.pdf", PDF)
    file = (await stored(system, own_id)).data["file"]
    assert file["sha256"] == hashlib.sha256(PDF).hexdigest()
    path = f"/v1/feedback/{code}/attachments/{file['id']}"
    secret = {"X-Lookup-Secret": body["lookup_secret"]}

    await system.post.act("gia-lai", case, "reply", reply="Xem công văn", attachments=[file["id"]])
    await system.observer.wait("FeedbackReplied", subject=case)
    await system.settled("intake")
    assert (await system.http.get(path)).status_code == 403
    assert (await system.http.get(path, headers=secret)).status_code == 404
    assert (await system.http.get(path, headers=token("gia-lai"))).content == PDF

    await system.post.act("gia-lai", case, "publish", "cb2")
    (published,) = await system.observer.wait("ReplyPublished", subject=case)
    assert published.data["attachments"] == [file]
    await system.settled("intake")
    assert (await system.http.get(path)).content == PDF
    page = (await system.http.get(f"/v1/feedback/{code}")).json()
    assert page["reply_attachments"] == [{"name": "Công văn.pdf", **file}]
    kept = b"".join(row.value or b"" for row in system.observer.records if row.topic == "feedback")
    assert b"JVBERi" not in kept
    assert "Công văn".encode() not in kept, "a name may be a person's, and not every file is published"


async def test_a_photo_in_a_reply_is_its_picture_alone_and_what_is_wrong_is_refused(system: System) -> None:
    body = await system.assigned()
    case = body["feedback_id"]
    sent = photo("image/jpeg")
    file = (await stored(system, await system.post.reply_file("gia-lai", case, "anh.jpg", sent))).data["file"]
    assert file["sha256"] != hashlib.sha256(sent).hexdigest(), "without the place and the device"
    wrong = await system.post.reply_file("gia-lai", case, "b.pdf", PNG)
    assert await refusal(system, wrong) == {"content_base64": "file_content_differs"}
    named = await system.post.reply_file("gia-lai", case, "a.exe", b"MZ")
    assert await refusal(system, named) == {"content_base64": "file_type_not_taken"}
    others = await system.post.reply_file("da-nang", case, "a.pdf", PDF)
    assert await refusal(system, others, "da-nang") == {"feedback_id": "not_your_case"}
    misspelt = await system.post.event("files.gia-lai", "ReplyFile", {"feedback_id": case, "filename": "x"}, None)
    missing = dict.fromkeys(("actor", "content_base64", "name"), "missing")
    assert await refusal(system, misspelt) == {"filename": "unknown_field", **missing}
    unknown = await system.post.act("gia-lai", case, "reply", reply="x", attachments=[file["id"], file["id"], "none"])
    assert await refusal(system, unknown) == {"attachments.1": "sent_twice", "attachments.2": "unknown_file"}


async def test_the_same_file_again_is_stored_once_and_a_portal_hears_of_the_published_one(system: System) -> None:
    own_id = await system.post.portal("danang-1022", GOOD)
    (made,) = await system.observer.wait("SubmissionRegistered", submission_id=own_id)
    case = made.data["feedback_id"]
    posted = await system.post.reply_file("gia-lai", case, "a.pdf", PDF)
    first = await stored(system, posted)
    await system.post.reply_file("gia-lai", case, "a.pdf", PDF, posted)
    await system.settled("intake")
    again = system.observer.found("ReplyFileStored", topic="assignments.gia-lai", action_id=posted)
    assert {(row.id, row.value) for row in again} == {(first.id, first.value)}
    await system.post.act("gia-lai", case, "reply", reply="x", attachments=[first.data["file"]["id"]])
    await system.post.act("gia-lai", case, "publish", "cb2")
    news = await told(system, "ReplyPublished", code=made.data["code"])
    assert news.data["attachments"] == [{"name": "a.pdf", **first.data["file"]}]


async def test_what_an_agency_has_not_published_is_not_given_to_the_one_that_has_the_case_after_it(system: System) -> None:
    body = await system.assigned()
    case = body["feedback_id"]
    file = (await stored(system, await system.post.reply_file("gia-lai", case, "nháp.pdf", PDF))).data["file"]
    await system.post.act("gia-lai", case, "transfer", to_agency="da-nang", reason="Thuộc Đà Nẵng")
    await system.observer.wait("FeedbackAssigned", topic="assignments.da-nang", subject=case)
    await system.settled("intake")
    answer = await system.http.get(f"/v1/feedback/{body['code']}/attachments/{file['id']}", headers=token("da-nang"))
    assert answer.status_code == 404
    await system.post.act("da-nang", case, "reply", reply="x", attachments=[file["id"]], event_id="named-by-another")
    assert await refusal(system, "named-by-another", "da-nang") == {"attachments.0": "unknown_file"}


async def test_a_case_that_comes_back_finds_the_files_that_its_agency_stored(system: System) -> None:
    body = await system.assigned()
    case = body["feedback_id"]
    file = (await stored(system, await system.post.reply_file("gia-lai", case, "a.pdf", PDF))).data["file"]
    for agency, to in (("gia-lai", "da-nang"), ("da-nang", "gia-lai")):
        await system.post.act(agency, case, "transfer", to_agency=to, reason="Nhầm")
        await system.observer.wait("FeedbackAssigned", topic=f"assignments.{to}", subject=case, previous_agency=agency)
    await system.post.act("gia-lai", case, "reply", reply="x", attachments=[file["id"]])
    await system.observer.wait("FeedbackReplied", subject=case)
