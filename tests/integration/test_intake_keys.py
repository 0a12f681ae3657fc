"""Idempotency keys belong to their sender, and a repetition publishes nothing again."""

import asyncio
import uuid
from typing import Any

import pytest

import schemas
from services.intake.domain import Arrival, Draft
from services.intake.reception import check
from services.intake.registration import Registrar
from services.intake.store import IntakeStore, OutboxPlace
from tests.integration.test_intake_http import PDF, faults, form
from tests.support.outside_world import GOOD, until
from tests.support.system import SECRET_KEY, START, System


@pytest.mark.parametrize("key", ["my-own-id-1", "1", "x" * 15, "x" * 256])
@pytest.mark.parametrize("path", ["", "/{code}/supplements", "/{code}/rating"])
async def test_a_key_that_a_stranger_may_think_of_too_is_refused(system: System, key: str, path: str) -> None:
    """Two strangers with one key: the second was refused, and with the same body he got the secret of the first."""
    body = await system.submit()
    url = "/v1/feedback" + path.format(code=body["code"])
    headers = {"Idempotency-Key": key, "X-Lookup-Secret": body["lookup_secret"]}
    if path:
        # Whatever else is wrong, a key is looked at only where it would be used.
        await system.documents("intake")["feedbacks"].update_one(
            {"code": body["code"]}, {"$set": {"state": "waiting_for_supplement" if "supplements" in path else "published"}}
        )
    content = GOOD if not path else {"content": "Km 5"} if "supplements" in path else {"satisfied": True}
    answer = await system.http.post(url, json=content, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["type"] == "urn:pakn:problem:invalid-idempotency-key"
    assert "UUID" in answer.json()["detail"]


@pytest.mark.parametrize("more", [{"title": "Khác"}, {"content": "Khác"}, {"sender": GOOD["sender"] | {"phone": "0905000999"}}])
async def test_a_key_with_another_content_gets_nothing_of_the_first(system: System, more: dict[str, Any]) -> None:
    key = {"Idempotency-Key": str(uuid.uuid4())}
    first = await system.submit(key)
    answer = await system.http.post("/v1/feedback", json=GOOD | more, headers=key)
    assert (answer.status_code, faults(answer)) == (422, ["Idempotency-Key"])
    assert not [value for value in (first["code"], first["feedback_id"], first["lookup_secret"]) if value in answer.text]


async def test_a_key_with_another_file_gets_nothing_of_the_first(system: System) -> None:
    key = {"Idempotency-Key": str(uuid.uuid4())}
    first = await system.http.post("/v1/feedback", **form(GOOD, ("a.pdf", PDF)), headers=key)
    assert first.status_code == 201
    for files in ([], [("a.pdf", PDF + b"x")], [("a.pdf", PDF), ("b.pdf", PDF)]):
        answer = await system.http.post("/v1/feedback", **form(GOOD, *files), headers=key)
        assert answer.status_code == 422
        assert first.json()["code"] not in answer.text


def published(system: System, feedback_id: str, *names: str) -> list[int]:
    """How often facts of a feedback with each of these names stand in Kafka, repetitions counted."""
    return [len(system.observer.found(name, subject=feedback_id)) for name in names]


FACTS = ("FeedbackSubmitted", "ContactRecorded")


async def test_two_hundred_repetitions_publish_nothing_again(system: System) -> None:
    """They once left a thousand records in a topic that is kept for ever."""
    key = {"Idempotency-Key": str(uuid.uuid4())}
    first = await system.submit(key)
    for _ in range(20):
        answers = await asyncio.gather(*(system.submit(key) for _ in range(10)))
        assert {answer["code"] for answer in answers} == {first["code"]}
    await system.observer.wait("FeedbackAssigned", subject=first["feedback_id"])
    await system.settled()
    assert published(system, first["feedback_id"], *FACTS) == [1, 1]


async def test_a_new_instance_publishes_of_repetitions_only_what_it_cannot_know_to_be_there(own: System) -> None:
    key = {"Idempotency-Key": str(uuid.uuid4())}
    first = await own.submit(key)
    await own.shows(first, "assigned")
    await own.stop("intake")
    await own.start("intake")
    for _ in range(20):
        await own.submit(key)
    await own.settled()
    submitted, contacts = published(own, first["feedback_id"], *FACTS)
    assert (submitted, contacts <= 2) == (1, True)


async def test_a_repetition_publishes_what_was_stored_after_it_was_taken_for_failed(system: System) -> None:
    """The mark had passed its place, so no sweep would ever have found it."""
    key = str(uuid.uuid4())
    cause = schemas.derived_id("idempotency-key", key)
    at = {"channel": "web", "submission_id": cause, "id_field": "Idempotency-Key", "received_at": START}
    draft = check(system.pack, Arrival(GOOD, cause=cause, **at))
    assert isinstance(draft, Draft)
    store = IntakeStore(system.documents("intake"))
    (late,) = await Registrar(store, system.pack, SECRET_KEY).register([draft], OutboxPlace("stopped", 1))
    assert (await system.submit({"Idempotency-Key": key}))["code"] == late.feedback.code
    await system.observer.wait("FeedbackAssigned", subject=late.feedback.id)
    stored = await system.documents("intake")["feedbacks"].find_one({"_id": late.feedback.id})
    assert stored["place"]["instance"] != "stopped", "a sweep finds it if Kafka is away now"


async def test_a_portal_that_repeats_is_answered_and_adds_nothing_to_the_lifecycle(system: System) -> None:
    own_id = await system.post.portal("cdvcqg", GOOD)
    (answer,) = await system.observer.wait("SubmissionRegistered", topic="outbox.cdvcqg", submission_id=own_id)
    feedback_id = answer.subject
    await system.observer.wait("FeedbackAssigned", subject=feedback_id)
    await system.settled()
    for _ in range(20):
        await system.post.portal("cdvcqg", GOOD, own_id)
    await until(
        lambda: len(system.observer.found("SubmissionRegistered", topic="outbox.cdvcqg", submission_id=own_id)) > 1,
        "the repetitions are answered, once a batch",
    )
    await system.settled("intake")
    assert published(system, feedback_id, "FeedbackSubmitted") == [1]
