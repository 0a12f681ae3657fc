"""The citizens' side by HTTP, on a real Kafka and a real database."""

import asyncio
import json
import uuid
from typing import Any

import pytest
from pydantic import SecretStr

from pakn.engine.problems import ProblemDocument
from pakn.logins import SigningKey
from schemas.fault_codes import FAULT_CODES
from services.intake.files import names
from tests.support.outside_world import GOOD, SENDER, until
from tests.support.system import TOKEN_KEY, System, bearer

PDF = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"
# As it is written anew, so it comes back as it was sent.
PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00:~\x9bU"
    b"\x00\x00\x00\nIDATx\x01ch\x00\x00\x00\x82\x00\x81L\x17\xd7\xdf\x00\x00\x00\x00IEND\xaeB`\x82"
)


def form(feedback: dict[str, Any] = GOOD, *files: tuple[str, bytes]) -> dict[str, Any]:
    parts = [("attachments", (name, content, "application/octet-stream")) for name, content in files]
    return {"files": [("feedback", (None, json.dumps(feedback), "application/json")), *parts]}


def faults(answer: Any) -> list[str]:
    assert answer.headers["content-type"].startswith("application/problem+json")
    errors = ProblemDocument.model_validate(answer.json()).errors
    assert all(fault.code in FAULT_CODES for fault in errors)
    return sorted(fault.field for fault in errors)


def token(agency: str, days: int = 1, key: SigningKey = TOKEN_KEY) -> dict[str, str]:
    return {"Authorization": f"Bearer {bearer('agency', agency, days=days, key=key)}"}


async def test_a_form_with_files_keeps_every_byte(system: System) -> None:
    answer = await system.http.post("/v1/feedback", **form(GOOD, ("don.pdf", PDF), ("ảnh.png", PNG)))
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert body["accepted"] is True
    assert answer.headers["location"] == f"/v1/feedback/{body['code']}"
    files = (await system.view(body, secret=True))["attachments"]
    assert [(file["name"], file["media_type"], file["size"]) for file in files] == [
        ("don.pdf", "application/pdf", len(PDF)),
        ("ảnh.png", "image/png", len(PNG)),
    ]
    secret = {"X-Lookup-Secret": body["lookup_secret"]}
    for file, content in zip(files, (PDF, PNG), strict=True):
        got = await system.http.get(f"/v1/feedback/{body['code']}/attachments/{file['id']}", headers=secret)
        assert got.content == content
        assert got.headers["content-disposition"] == names.disposition(file["name"])
        assert got.headers["x-content-type-options"] == "nosniff"
        stranger = await system.http.get(f"/v1/feedback/{body['code']}/attachments/{file['id']}")
        assert stranger.status_code == 403
    missing = await system.http.get(f"/v1/feedback/{body['code']}/attachments/none", headers=secret)
    assert missing.status_code == 404


async def test_every_fault_of_a_form_is_told_at_once(system: System) -> None:
    large = PDF + b"\x00" * system.pack.header.attachments.max_bytes
    files = [("a.exe", b"MZ\x90\x00"), ("b.pdf", PNG), ("c.png", b""), ("groß.pdf", large), ("e.pdf", PDF), ("f.pdf", PDF)]
    answer = await system.http.post("/v1/feedback", **form({"category": "x", "title": "", "sender": {"email": "no"}}, *files))
    assert answer.status_code == 422
    assert faults(answer) == [
        "attachments", "attachments.0", "attachments.1", "attachments.2", "attachments.3", "category", "content",
        "sender.address", "sender.email", "sender.name", "sender.phone", "title",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["files", "attachment", "photo"])
async def test_a_part_that_would_be_left_out_of_the_feedback_is_named(system: System, name: str) -> None:
    """A file under another name was thrown away once, with the code of a feedback that did not have it."""
    parts = [(name, ("a.png", PNG)), ("attachments", (None, b"no file")), ("feedback", (None, b"{}"))]
    answer = await system.http.post("/v1/feedback", data={"feedback": json.dumps(GOOD)}, files=parts)
    assert answer.status_code == 422
    assert faults(answer) == sorted([name, "attachments", "feedback"])


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"\xff\xfe{}", "application/json", 400),
        (b"[" * 20_000, "application/json", 400),
        (b"[" * 200_000, "application/json", 413),
        (b'{"\\ud800": 1}', "application/json", 422),
        (b'{"a": ' + b"1" * 5000 + b"}", "application/json", 400),
        (b'"' + b"x" * 1_100_000 + b'"', "application/json", 413),
        (json.dumps({f"k{n}": 1 for n in range(20_000)}).encode(), "application/json", 413),
        (json.dumps({"sender": {f"k{n}": 1 for n in range(20_000)}}).encode(), "application/json", 413),
        (b"a=b", "application/x-www-form-urlencoded", 415),
        (b"--x\r\nnot a form", "multipart/form-data; boundary=y", 400),
        (b"anything", "multipart/form-data", 400),
        (b'--y\r\nContent-Disposition: form-data; name="other"\r\n\r\nv\r\n--y--\r\n', "multipart/form-data; boundary=y", 422),
    ],
    ids=[
        "json",
        "list",
        "utf16",
        "deep",
        "deeper",
        "surrogate",
        "number",
        "large",
        "many",
        "many inside",
        "urlencoded",
        "boundary",
        "none",
        "no feedback",
    ],
)
async def test_what_cannot_be_read_is_answered_and_never_an_error_of_ours(
    system: System, content: bytes, kind: str, status: int
) -> None:
    """A body of a megabyte once came back as an answer of many."""
    answer = await system.http.post("/v1/feedback", content=content, headers={"Content-Type": kind})
    assert answer.status_code == status, answer.text[:500]
    faults(answer)
    assert len(answer.content) < 100_000


async def test_fifty_requests_with_one_key_at_once_are_one_feedback(system: System) -> None:
    key = {"Idempotency-Key": str(uuid.uuid4())}
    answers = await asyncio.gather(*(system.http.post("/v1/feedback", json=GOOD, headers=key) for _ in range(50)))
    assert sorted({answer.status_code for answer in answers}) == [200, 201]
    assert [answer.status_code for answer in answers].count(201) == 1
    assert len({answer.text for answer in answers}) == 1
    feedback_id = answers[0].json()["feedback_id"]
    await system.observer.wait("FeedbackAssigned", subject=feedback_id)
    assert len({row.id for row in system.observer.found("FeedbackSubmitted", subject=feedback_id)}) == 1
    assert await system.documents("intake")["feedbacks"].count_documents({"code": answers[0].json()["code"]}) == 1
    other = await system.http.post("/v1/feedback", json=GOOD | {"title": "Khác"}, headers=key)
    assert (other.status_code, faults(other)) == (422, ["Idempotency-Key"])
    assert other.json()["type"] == "urn:pakn:problem:idempotency-key-reused"


@pytest.mark.parametrize("category", ["khieu-nai", "to-cao", "hoi-dap-phap-luat"])
async def test_a_class_outside_the_procedure_gets_a_code_the_reason_and_the_right_channel(system: System, category: str) -> None:
    body = await system.submit(category=category)
    assert body["accepted"] is False
    assert body["reason"]
    assert body["right_channel"]
    await system.observer.wait("FeedbackNotAccepted", topic="feedback", subject=body["feedback_id"])
    view = await system.view(body)
    assert (view["state"], view["reason"]) == ("not_accepted", body["reason"])
    await system.settled()
    assert not system.observer.found("FeedbackAssigned", subject=body["feedback_id"])


async def test_the_public_sees_the_state_and_only_the_secret_opens_the_rest(system: System) -> None:
    body = await system.submit()
    assert not {"title", "content", "sender"} & (await system.view(body)).keys()
    assert (await system.view(body, secret=True))["content"] == GOOD["content"]
    for wrong in ("x" * 24, (await system.submit())["lookup_secret"]):
        answer = await system.http.get(f"/v1/feedback/{body['code']}", headers={"X-Lookup-Secret": wrong})
        assert answer.status_code == 403
    assert (await system.http.get("/v1/feedback/PAKN.20260302.999999")).status_code == 404


async def ask(system: System, body: dict[str, Any], question: str) -> None:
    await system.post.act("gia-lai", body["feedback_id"], "request_more", question=question)
    await system.shows(body, "waiting_for_supplement")


async def test_a_supplement_counts_once_and_only_while_more_is_asked_for(system: System) -> None:
    body = await system.assigned()
    url, secret = f"/v1/feedback/{body['code']}/supplements", {"X-Lookup-Secret": body["lookup_secret"]}
    assert (await system.http.post(url, json={"content": "Km 5"}, headers=secret)).status_code == 409
    await ask(system, body, "Ở đâu?")
    assert (await system.view(body, secret=True))["question"] == "Ở đâu?"
    assert (await system.http.post(url, json={"content": "Km 5"})).status_code == 403
    empty = await system.http.post(url, json={"content": " "}, headers=secret)
    assert (empty.status_code, faults(empty)) == (422, ["content"])
    key = secret | {"Idempotency-Key": str(uuid.uuid4())}
    for same in ("Km 5", " Km 5 "):
        assert (await system.http.post(url, **form({"content": same}, ("ảnh.png", PNG)), headers=key)).status_code == 202
    (told,) = await system.observer.wait("FeedbackSupplemented", topic="assignments.gia-lai", subject=body["feedback_id"])
    assert told.data["number"] == 1
    forwarded = await system.observer.wait("MatterForwarded", topic="assignments.gia-lai", subject=body["feedback_id"], count=2)
    (said,) = forwarded[-1].data["supplements"]
    assert (said["content"], [file["name"] for file in said["attachments"]]) == ("Km 5", ["ảnh.png"])
    await system.shows(body, "supplemented")
    assert (await system.http.post(url, json={"content": "Km 6"}, headers=secret)).status_code == 409
    facts = {row.id for row in system.observer.found("FeedbackSupplemented", topic="feedback", subject=body["feedback_id"])}
    assert len(facts) == 1


async def test_an_answer_with_another_file_is_another_answer_and_a_used_key_says_so(system: System) -> None:
    """A file that was sent under the key of an earlier answer was once thrown away, and answered as taken."""
    body = await system.assigned()
    url = f"/v1/feedback/{body['code']}/supplements"
    headers = {"X-Lookup-Secret": body["lookup_secret"], "Idempotency-Key": str(uuid.uuid4())}

    async def answer(*names: str) -> int:
        files = [(name, PNG) for name in names]
        return (await system.http.post(url, **form({"content": "Km 5"}, *files), headers=headers)).status_code

    await ask(system, body, "Ở đâu?")
    assert (await answer("1.png"), await answer("1.png", "2.png")) == (202, 409)
    await system.observer.wait("FeedbackSupplemented", topic="assignments.gia-lai", subject=body["feedback_id"])
    await system.shows(body, "supplemented")
    await ask(system, body, "Còn gì nữa?")
    assert (await answer("1.png"), await answer("2.png")) == (422, 202)
    told = await system.observer.wait("FeedbackSupplemented", topic="feedback", subject=body["feedback_id"], count=2)
    assert [row.data["number"] for row in told] == [1, 2]
    recorded = await system.observer.wait("MatterRecorded", subject=body["feedback_id"], count=3)
    assert [[file["name"] for file in row["attachments"]] for row in recorded[-1].data["supplements"]] == [["1.png"], ["2.png"]]


async def test_a_reply_is_rated_once_after_it_is_published_and_stays_published(system: System) -> None:
    """Publishing the earlier facts again with the rating once turned the shown state back to an earlier one."""
    body = await system.assigned()
    url, secret = f"/v1/feedback/{body['code']}/rating", {"X-Lookup-Secret": body["lookup_secret"]}
    assert (await system.http.post(url, json={"satisfied": True}, headers=secret)).status_code == 409
    await system.post.act("gia-lai", body["feedback_id"], "reply", reply="Đã sửa")
    await system.post.act("gia-lai", body["feedback_id"], "publish", actor="cb2")
    published = await system.shows(body, "published")
    assert published["reply"] == "Đã sửa"
    assert (await system.http.post(url, json={"satisfied": "yes"}, headers=secret)).status_code == 422
    assert (await system.http.post(url, json={"satisfied": True}, headers=secret)).status_code == 202
    assert (await system.http.post(url, json={"satisfied": False}, headers=secret)).status_code == 409
    (rated,) = await system.observer.wait("FeedbackRated", subject=body["feedback_id"])
    assert rated.data["satisfied"] is True
    await system.settled()
    after = await system.view(body)
    assert after == published
    assert [row["type"] for row in after["timeline"]] == [
        "FeedbackSubmitted", "FeedbackAssigned", "FeedbackReplied", "ReplyPublished",
    ]  # fmt: skip


async def test_an_agency_reads_the_sender_of_its_own_case_and_the_look_is_recorded(system: System) -> None:
    body = await system.assigned()
    assert (await system.shows(body, "assigned"))["agency"] == "gia-lai"
    url = f"/v1/feedback/{body['code']}/sender"
    answer = await system.http.get(url, headers=token("gia-lai"))
    assert answer.json() == {"code": body["code"], "submitter_type": "person"} | SENDER
    looks = await system.documents("intake")["looks"].find({"feedback_id": body["feedback_id"]}).to_list(None)
    assert [(look["agency"], look["token_id"]) for look in looks] == [("gia-lai", "token-1")]
    for headers, status in (
        (token("da-nang"), 403),
        (token("gia-lai", days=-1), 401),
        (
            token(
                "gia-lai", key=TOKEN_KEY.model_copy(update={"secret": SecretStr("another key that is longer than 32 characters")})
            ),
            401,
        ),
        ({"Authorization": "Bearer nonsense"}, 401),
        ({}, 401),
        ({"X-Lookup-Secret": body["lookup_secret"]}, 401),
    ):
        assert (await system.http.get(url, headers=headers)).status_code == status
    await system.post.act("gia-lai", body["feedback_id"], "transfer", to_agency="da-nang", reason="Thuộc Đà Nẵng")

    async def moved() -> bool:
        return (await system.http.get(url, headers=token("da-nang"))).status_code == 200

    await until(moved, "the case is the other agency's")
    assert (await system.http.get(url, headers=token("gia-lai"))).status_code == 403
