"""Idempotency keys belong to their sender, and a repetition publishes nothing again."""

import uuid
from typing import Any

import pytest

from tests.integration.test_intake_http import PDF, faults, form
from tests.support.outside_world import GOOD
from tests.support.system import System


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
