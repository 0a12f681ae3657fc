"""Photos and the virus scanner, through the real intake: what is stored, what is left over, and what a repetition gets."""

import asyncio
import hashlib
from collections.abc import AsyncIterator

import pytest

from pakn.settings import IntakeSettings
from tests.integration.conftest import MakeSystem
from tests.integration.test_intake_http import PDF, form
from tests.support.outside_world import GOOD
from tests.support.photos import SECRET, photo
from tests.support.system import SECRET_KEY, System

PHOTO = photo("image/jpeg")
KEY = {"Idempotency-Key": "0197f3c2-5b1e-7d40-9a66-3f2d8c1b7e05"}


@pytest.fixture(scope="module")
async def guarded(make_system: MakeSystem) -> AsyncIterator[System]:
    """Intake with a scanner that nobody runs."""
    async with await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
    settings = {"secret_key": SECRET_KEY, "clamd": f"127.0.0.1:{port}"}
    async with make_system(intake=IntakeSettings.model_validate(settings)) as made:
        await made.start("intake")
        yield made


async def stored(system: System) -> set[str]:
    """The ids of the files that intake holds."""
    rows = await system.documents("intake")["fs.files"].find({}, {"_id": 1}).to_list(None)
    return {row["_id"] for row in rows}


async def test_of_a_photo_the_picture_alone_is_stored_and_a_repetition_leaves_nothing(system: System) -> None:
    before = await stored(system)
    first, again = [await system.http.post("/v1/feedback", **form(GOOD, ("a.jpg", PHOTO)), headers=KEY) for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 200), again.text
    (file,) = (await system.view(first.json(), secret=True))["attachments"]
    secret = {"X-Lookup-Secret": first.json()["lookup_secret"]}
    got = await system.http.get(f"/v1/feedback/{first.json()['code']}/attachments/{file['id']}", headers=secret)
    assert SECRET in PHOTO
    assert SECRET not in got.content
    assert (file["size"], file["sha256"]) == (len(got.content), hashlib.sha256(got.content).hexdigest())
    assert file["scanned"] is False
    assert await stored(system) - before == {file["id"]}


async def test_of_a_refused_request_no_picture_is_left(system: System) -> None:
    before = await stored(system)
    answer = await system.http.post("/v1/feedback", **form(GOOD | {"title": ""}, ("a.jpg", PHOTO), ("b.jpg", PHOTO[:200])))
    assert answer.status_code == 422
    assert {row["field"] for row in answer.json()["errors"]} == {"title", "attachments.1"}
    assert await stored(system) == before


async def test_while_the_scanner_is_away_files_are_to_come_again_and_the_rest_is_taken(guarded: System) -> None:
    answer = await guarded.http.post("/v1/feedback", **form(GOOD, ("a.pdf", PDF)))
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:pakn:problem:scanner-away")
    assert int(answer.headers["retry-after"]) > 0
    assert await stored(guarded) == set()
    assert (await guarded.http.post("/v1/feedback", json=GOOD)).status_code == 201
