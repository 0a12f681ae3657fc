"""Other portals by their topics: codes, refusals with every fault, repetitions, files, and records that nobody can read."""

import base64
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from pakn.engine.kafka_login import client_options
from services.intake.domain import lookup_secret
from tests.integration.test_intake_http import PDF, PNG
from tests.support.outside_world import GOOD, SENDER, Seen, lines, until
from tests.support.system import SECRET_KEY, System


def inline(name: str, content: bytes) -> dict[str, str]:
    return {"name": name, "content_base64": base64.b64encode(content).decode()}


async def registered(system: System, own_id: str, portal: str = "cdvcqg") -> Seen:
    return (await system.observer.wait("SubmissionRegistered", topic=f"outbox.{portal}", submission_id=own_id))[0]


async def refused(system: System, own_id: str, portal: str = "cdvcqg") -> Seen:
    return (await system.observer.wait("SubmissionRefused", topic=f"outbox.{portal}", submission_id=own_id))[0]


async def test_a_portal_gets_the_code_of_its_submission_and_the_case_goes_on(system: System) -> None:
    own_id = await system.post.portal("cdvcqg", GOOD | {"reference": "HS-1"})
    answer = await registered(system, own_id)
    assert (answer.data["reference"], answer.data["accepted"]) == ("HS-1", True)
    assert answer.data["code"].startswith("PAKN.20260302.")
    (submitted,) = await system.observer.wait("FeedbackSubmitted", subject=answer.data["feedback_id"])
    assert (submitted.data["portal"], submitted.data["channel"]) == ("cdvcqg", "portal")
    await system.observer.wait("FeedbackAssigned", topic="assignments.gia-lai", subject=answer.data["feedback_id"])


async def test_a_portals_refusal_lists_every_fault_and_the_submission_is_a_dead_letter(system: System) -> None:
    wrong = {"category": "x", "title": "", "province": "atlantis", "sender": {"name": "A"}, "sent_at": "2020-01-01T00:00:00Z"}
    files = [inline("a.exe", b"MZ"), {"name": "c.pdf", "content_base64": "é"}, inline("b.pdf", PNG)]
    answer = await refused(system, await system.post.portal("cdvcqg", wrong | {"attachments": files}))
    assert answer.faulty == [
        "attachments.0", "attachments.1.content_base64", "attachments.2", "category", "content", "province",
        "sender.address", "sender.email", "sender.phone", "sent_at", "title",
    ]  # fmt: skip
    (dead,) = await system.observer.wait(topic="dead.intake", category="x", province="atlantis")
    assert dead.headers["reason"] == "invalid"
    assert dead.headers["origin"].startswith(f"{system.settings.namespace}.inbox.cdvcqg/")


async def test_a_class_outside_the_procedure_is_answered_with_the_reason_and_the_right_channel(system: System) -> None:
    answer = await registered(system, await system.post.portal("cdvcqg", GOOD | {"category": "to-cao"}))
    assert answer.data["accepted"] is False
    assert answer.data["reason"]
    assert answer.data["right_channel"]


async def test_a_repeated_id_is_answered_the_same_and_with_another_submission_it_is_refused(system: System) -> None:
    own_id = await system.post.portal("cdvcqg", GOOD)
    first = await registered(system, own_id)
    await system.post.portal("cdvcqg", GOOD, own_id)
    await system.settled("intake")
    answers = system.observer.found("SubmissionRegistered", submission_id=own_id)
    assert {answer.id for answer in answers} == {first.id}
    assert {answer.value for answer in answers} == {first.value}
    assert len({row.id for row in system.observer.found("FeedbackSubmitted", subject=first.data["feedback_id"])}) == 1
    await system.post.portal("cdvcqg", GOOD | {"title": "Khác"}, own_id)
    answer = await refused(system, own_id)
    assert (answer.faulty, answer.data["code"]) == (["ce_id"], first.data["code"])


async def test_a_refused_submission_can_be_corrected_under_its_id(system: System) -> None:
    own_id = await system.post.portal("cdvcqg", GOOD | {"category": "x", "reference": "HS-3"})
    assert (await refused(system, own_id)).data["reference"] == "HS-3"
    own_id = await system.post.portal("cdvcqg", {"title": "only", "reference": "HS-4"})
    assert (await refused(system, own_id)).data["reference"] == "HS-4"
    await system.post.portal("cdvcqg", GOOD, own_id)
    await registered(system, own_id)


async def test_two_portals_may_use_the_same_id_of_their_own(system: System) -> None:
    own_id = await system.post.portal("cdvcqg", GOOD, "the-same-id")
    await system.post.portal("gialai-dvc", GOOD, own_id)
    one, other = await registered(system, own_id), await registered(system, own_id, "gialai-dvc")
    assert one.data["feedback_id"] != other.data["feedback_id"]
    assert one.data["code"] != other.data["code"]


async def test_files_inside_a_submission_are_kept_byte_for_byte(system: System) -> None:
    own_id = await system.post.portal("cdvcqg", GOOD | {"attachments": [inline("don.pdf", PDF), inline("ảnh.png", PNG)]})
    answer = await registered(system, own_id)
    (submitted,) = await system.observer.wait("MatterRecorded", subject=answer.data["feedback_id"])
    assert [file["name"] for file in submitted.data["attachments"]] == ["don.pdf", "ảnh.png"]
    secret = {"X-Lookup-Secret": lookup_secret(SECRET_KEY, answer.data["feedback_id"])}
    for file, content in zip(submitted.data["attachments"], (PDF, PNG), strict=True):
        got = await system.http.get(f"/v1/feedback/{answer.data['code']}/attachments/{file['id']}", headers=secret)
        assert got.content == content


async def test_the_day_of_sending_is_the_portals_and_the_agency_counts_from_it(system: System) -> None:
    own_id = await system.post.portal("cdvcqg", GOOD | {"sent_at": "2026-02-28T10:00:00+07:00"})
    answer = await registered(system, own_id)
    assert answer.data["code"].startswith("PAKN.20260228.")
    (due,) = await system.observer.wait_clock("set", topic="feedback", subject=answer.data["feedback_id"], rule="handle_reply")
    assert due.data["due_date"] == "2026-03-20"


def headers(**more: bytes | None) -> list[tuple[str, bytes | None]]:
    return lines("PortalSubmission", "e-1", **more)


UNREADABLE: dict[str, tuple[bytes | None, list[tuple[str, bytes | None]], str]] = {
    "no headers": (b"{}", [], "unreadable"),
    "null header": (b"{}", headers(ce_id=None), "unreadable"),
    "header not UTF-8": (b"{}", headers(ce_type=b"\xff\xfe\x00"), "unreadable"),
    "no time": (b"{}", headers(ce_time=b"yesterday"), "unreadable"),
    "time without offset": (b"{}", headers(ce_time=b"2026-03-02T03:00:00"), "unreadable"),
    "other CloudEvents": (b"{}", headers(ce_specversion=b"0.3"), "unreadable"),
    "very long id": (b"{}", headers(ce_id=b"i" * 300_000), "unreadable"),
    "unknown type": (b"{}", headers(ce_type=b"pakn.SomethingElse.v1"), "unknown_type"),
    "a fact that only PAKN states": (b"{}", headers(ce_type=b"pakn.ReplyPublished.v1"), "unknown_type"),
    "another's type": (b"{}", headers(ce_type=b"org.example.thing"), "unknown_type"),
    "unknown version": (b"{}", headers(ce_type=b"pakn.PortalSubmission.v2"), "unknown_schema"),
    "no value": (None, headers(), "invalid"),
    "not JSON": (b"\x00\x01garbage", headers(), "invalid"),
    "not UTF-8": (b'{"title": "\xff"}', headers(), "invalid"),
    "a list": (b"[1, 2]", headers(), "invalid"),
    "deep": (b"[" * 100_000, headers(), "invalid"),
    "lone surrogate": (b'{"\\ud800": "\\ud800"}', headers(), "invalid"),
    "many unknown fields": (b"{" + b",".join(b'"k%d":1' % n for n in range(30_000)) + b"}", headers(), "invalid"),
    "one long field": (b'{"' + b"k" * 1_000_000 + b'": 1}', headers(), "invalid"),
    "many headers": (b"\xff", [*headers(), *((f"h{n}", b"\xff" * 3000) for n in range(500))], "invalid"),
}


@pytest.mark.parametrize("what", UNREADABLE)
async def test_what_nobody_can_read_is_a_dead_letter_and_the_batch_goes_on(system: System, what: str) -> None:
    """One batch: a record in order before and one after what is wrong. Nothing of the three may be lost."""
    value, record_headers, reason = UNREADABLE[what]
    before = await system.post.portal("hcm-1022", GOOD)
    seen = len(system.observer.found(topic="dead.intake"))
    await system.post.raw("inbox.hcm-1022", value, record_headers, key=b"\xff\x00")
    after = await system.post.portal("hcm-1022", GOOD)
    for own_id in (before, after):
        await registered(system, own_id, "hcm-1022")
    await system.settled("intake")
    (dead,) = system.observer.found(topic="dead.intake")[seen:]
    assert dead.headers["reason"] == reason
    assert dead.headers["reason-text"]
    assert (dead.value or b"") == (value or b"")
    assert dead.key == b"\xff\x00"
    answer = system.observer.found("SubmissionRefused", topic="outbox.hcm-1022")[-1]
    assert answer.faulty
    assert len(answer.data["submission_id"]) <= 1000
    assert len(answer.value or b"") < 200_000, "an answer about a wrong record is not larger than the record may be"


async def test_a_record_as_large_as_its_topic_takes_is_a_dead_letter_too(system: System) -> None:
    """With the reason it is larger than the record, and once that made the service give up for ever."""
    largest = b"x" * (8 * 1024 * 1024 - 2000)
    await system.post.raw("inbox.danang-1022", largest, headers(), key=b"large")
    (dead,) = await until(lambda: [row for row in system.observer.found(topic="dead.intake") if row.key == b"large"], "a letter")
    assert dead.value == largest
    await registered(system, await system.post.portal("danang-1022", GOOD), "danang-1022")


async def test_a_compressed_record_that_unfolds_beyond_the_limit_is_named_without_its_value(system: System) -> None:
    topic = f"{system.settings.namespace}.inbox.danang-1022"
    packed = AIOKafkaProducer(**client_options(system.settings.kafka), compression_type="gzip", max_request_size=32 * 1024 * 1024)
    async with packed:
        await packed.send_and_wait(topic, b"x" * 12_000_000, b"packed", headers=headers())
    await registered(system, await system.post.portal("danang-1022", GOOD), "danang-1022")
    await system.settled("intake")
    (dead,) = [row for row in system.observer.found(topic="dead.intake") if row.key == b"packed"]
    assert dead.value == b""
    assert dead.headers["value-left-out"] == "12000000"
    assert dead.headers["origin"].startswith(f"{topic}/")


async def test_nothing_of_a_sender_is_in_any_topic_but_contacts_and_the_portals_own(system: System) -> None:
    """Over everything that the tests of this file have brought about."""
    await system.settled()
    for record in system.observer.records:
        if record.topic != "contacts" and not record.topic.startswith(("inbox.", "dead.")):
            leaked: list[Any] = [value for value in SENDER.values() if value.encode() in (record.value or b"")]
            assert not leaked, f"{record.name} in {record.topic}"
