"""Forms with files while they come: what is refused leaves nothing, a slow sender is cut, and a place becomes free again."""

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from pakn import metrics
from pakn.settings import IntakeSettings
from tests.integration.conftest import MakeSystem
from tests.integration.test_intake_http import PDF, PNG, ask, form
from tests.support.outside_world import GOOD
from tests.support.system import SECRET_KEY, System

FORM = {"Content-Type": "multipart/form-data; boundary=y"}
FEEDBACK = b'--y\r\nContent-Disposition: form-data; name="feedback"\r\n\r\n' + json.dumps(GOOD).encode() + b"\r\n"
FILE = b'--y\r\nContent-Disposition: form-data; name="attachments"; filename="a.pdf"\r\n\r\n' + PDF + b"\x00" * 3_000_000
END = b"\r\n--y--\r\n"


@pytest.fixture(scope="module")
async def small(make_system: MakeSystem) -> AsyncIterator[System]:
    """Intake that takes one form at a time and is not patient."""
    settings = {"secret_key": SECRET_KEY, "sweep_seconds": 0.5, "uploads": 1, "silent_seconds": 0.5, "upload_seconds": 2}
    async with make_system(intake=IntakeSettings.model_validate(settings)) as made:
        await made.start("intake")
        yield made


async def stored(system: System) -> tuple[int, int]:
    """How many files and pieces of files intake holds."""
    documents = system.documents("intake")
    return await documents["fs.files"].count_documents({}), await documents["fs.chunks"].count_documents({})


class Sender:
    """Sends a form with a file; of which the end comes when `go_on` is set."""

    def __init__(self, system: System) -> None:
        self.go_on = asyncio.Event()
        self.half_sent = asyncio.Event()
        self.answer = asyncio.create_task(self._send(system.http))

    async def _send(self, http: httpx.AsyncClient) -> httpx.Response:
        return await http.post("/v1/feedback", content=self._body(), headers=FORM)

    async def _body(self) -> AsyncIterator[bytes]:
        yield FEEDBACK
        yield FILE
        self.half_sent.set()
        await self.go_on.wait()
        yield END


def refused(reason: str) -> float:
    """How many uploads this process has counted as refused for this reason."""
    samples = [sample for family in metrics.uploads_refused.collect() for sample in family.samples]
    return sum(sample.value for sample in samples if sample.labels == {"reason": reason})


async def test_more_forms_than_are_taken_at_once_are_told_to_come_again(small: System) -> None:
    """Eight senders with five photos each once killed the process."""
    first = Sender(small)
    await first.half_sent.wait()
    before = refused("too_many")
    second = await small.http.post("/v1/feedback", **form(GOOD, ("a.pdf", PDF)))
    assert refused("too_many") == before + 1
    assert (second.status_code, second.json()["type"]) == (503, "urn:pakn:problem:too-many-uploads")
    assert int(second.headers["retry-after"]) > 0
    assert (await small.http.post("/v1/feedback", json=GOOD)).status_code == 201, "what has no files is not held up"
    first.go_on.set()
    assert (await first.answer).status_code == 201
    assert (await small.http.post("/v1/feedback", **form(GOOD, ("a.pdf", PDF)))).status_code == 201


async def test_a_sender_who_goes_away_leaves_his_place_and_no_file(small: System) -> None:
    before = await stored(small)
    sender = Sender(small)
    await sender.half_sent.wait()
    sender.answer.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await sender.answer
    assert await stored(small) == before
    assert (await small.http.post("/v1/feedback", **form(GOOD))).status_code == 201


async def test_a_sender_who_falls_silent_is_cut(small: System) -> None:
    before, slow = await stored(small), refused("too_slow")
    sender = Sender(small)
    answer = await sender.answer
    assert refused("too_slow") == slow + 1
    assert (answer.status_code, answer.json()["type"]) == (408, "urn:pakn:problem:too-slow")
    assert answer.headers["connection"] == "close"
    assert await stored(small) == before


@pytest.mark.parametrize("kind", [FORM, {"Content-Type": "application/json"}], ids=["form", "json"])
async def test_a_sender_who_drips_is_cut_when_his_time_is_over(small: System, kind: dict[str, str]) -> None:
    """Each byte comes in time, and the whole never ends."""
    never = asyncio.Event()

    async def dripping() -> AsyncIterator[bytes]:
        yield FEEDBACK + FILE if kind is FORM else b'{"title": "'
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(never.wait(), 0.1)
            yield b"x"

    assert (await small.http.post("/v1/feedback", content=dripping(), headers=kind)).status_code == 408


async def test_a_connection_that_ends_in_the_middle_leaves_no_file(small: System) -> None:
    before = await stored(small)
    events = iter(
        [{"type": "http.request", "body": FEEDBACK + FILE, "more_body": True}, {"type": "http.disconnect"}],
    )
    sent: list[Any] = []

    async def receive() -> Any:
        return next(events)

    async def note(message: Any) -> None:
        sent.append(message)

    headers = [(name.lower().encode(), value.encode()) for name, value in FORM.items()]
    scope = {"type": "http", "method": "POST", "path": "/v1/feedback", "query_string": b"", "http_version": "1.1"}
    await small.services["intake"].app(scope | {"headers": headers}, receive, note)  # type: ignore[arg-type]
    assert sent[0]["status"] == 400
    assert await stored(small) == before


@pytest.mark.parametrize(
    ("feedback", "name", "status"),
    [(GOOD | {"title": ""}, "a.pdf", 422), (GOOD, "a.png", 422), ([], "a.pdf", 400)],
    ids=["shape", "content", "no object"],
)
async def test_a_refused_form_leaves_no_file(system: System, feedback: Any, name: str, status: int) -> None:
    before = await stored(system)
    answer = await system.http.post("/v1/feedback", **form(feedback, (name, PDF), ("b.pdf", PDF)))
    assert answer.status_code == status
    assert await stored(system) == before


async def test_one_key_with_files_many_times_at_once_is_one_feedback(system: System) -> None:
    """Of 48 such answers 19 were once a fault of ours, since all wrote the same files."""
    before = await stored(system)
    key = {"Idempotency-Key": str(uuid.uuid4())}
    files = [("don.pdf", PDF), ("ảnh.png", PNG)]
    answers = await asyncio.gather(*(system.http.post("/v1/feedback", **form(GOOD, *files), headers=key) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.text for answer in answers}) == 1
    body = answers[0].json()
    secret = {"X-Lookup-Secret": body["lookup_secret"]}
    kept = (await system.view(body, secret=True))["attachments"]
    got = [await system.http.get(f"/v1/feedback/{body['code']}/attachments/{file['id']}", headers=secret) for file in kept]
    assert [one.content for one in got] == [PDF, PNG]
    assert await stored(system) == (before[0] + 2, before[1] + 2)


class Unread:
    """A body that must not be asked for."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")


async def test_a_supplement_that_is_not_asked_for_is_refused_before_its_files_are_read(system: System) -> None:
    """Twenty-five files of refused supplements were once kept for ever."""
    body = await system.assigned()
    url, secret = f"/v1/feedback/{body['code']}/supplements", {"X-Lookup-Secret": body["lookup_secret"]}
    assert (await system.http.post(url, content=Unread(), headers=FORM)).status_code == 403
    for more in ({}, {"Idempotency-Key": str(uuid.uuid4())}):
        assert (await system.http.post(url, content=Unread(), headers=FORM | secret | more)).status_code == 409
    await ask(system, body, "Ở đâu?")
    key = secret | {"Idempotency-Key": str(uuid.uuid4())}
    first = await system.http.post(url, **form({"content": "Km 5"}, ("a.pdf", PDF)), headers=key)
    assert first.status_code == 202
    await system.shows(body, "supplemented")
    before = await stored(system)
    again = await system.http.post(url, **form({"content": "Km 5"}, ("a.pdf", PDF)), headers=key)
    other = await system.http.post(url, **form({"content": "Km 6"}, ("a.pdf", PDF)), headers=key)
    assert (again.status_code, other.status_code) == (202, 409)
    assert await stored(system) == before
