"""A sender who lost the answer sends the same again, as his client happens to write it down now: he gets the code that it has."""

import base64
import json
import unicodedata
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.test_intake_http import PDF, PNG
from tests.support.outside_world import GOOD, lines
from tests.support.system import System

SAID: dict[str, Any] = GOOD | {"unit": "Tổ dân phố 3", "place": {"description": "Ngõ 5", "latitude": 13.5, "longitude": 108}}


def turned(value: Any) -> Any:
    """The same object with the fields of each object in the opposite order."""
    return {name: turned(value[name]) for name in reversed(value)} if isinstance(value, dict) else value


def decomposed(value: Any) -> Any:
    """The same texts as a Mac writes the names of files: letters and their marks apart."""
    if isinstance(value, dict):
        return {name: decomposed(part) for name, part in value.items()}
    return unicodedata.normalize("NFD", value) if isinstance(value, str) else value


WRITTEN: dict[str, Callable[[dict[str, Any]], bytes]] = {
    "as before": lambda said: json.dumps(said, ensure_ascii=False).encode(),
    "other order of fields": lambda said: json.dumps(turned(said)).encode(),
    "other spaces": lambda said: b"\r\n" + json.dumps(said, indent="\t", separators=(" ,", " : ")).encode() + b"\n",
    "letters escaped": lambda said: json.dumps(said, ensure_ascii=True).encode(),
    "a byte order mark": lambda said: b"\xef\xbb\xbf" + json.dumps(said).encode(),
    "marks apart from their letters": lambda said: json.dumps(decomposed(said), ensure_ascii=False).encode(),
    "spaces around a text": lambda said: json.dumps(
        said | {"content": f" {said['content']}\n", "title": f"{said['title']} "}
    ).encode(),
    "defaults spelled out": lambda said: json.dumps(
        said | {"submitter_type": "person", "language": "vi", "level": None, "addressed_to": None}
    ).encode(),
    "numbers written otherwise": lambda said: json.dumps(said).replace("13.5", "1.350e1").replace("108", "108.0").encode(),
}


def form(*parts: tuple[str, bytes], boundary: str, feedback: bytes) -> dict[str, Any]:
    """A form as a client of its own writes it: `parts` are the lines of each part's head and its content."""
    whole = [('Content-Disposition: form-data; name="feedback"\r\nContent-Type: application/json', feedback), *parts]
    return _form(whole, boundary)


def _form(whole: list[tuple[str, bytes]], boundary: str) -> dict[str, Any]:
    body = b"".join(f"--{boundary}\r\n{head}\r\n\r\n".encode() + content + b"\r\n" for head, content in whole)
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    return {"content": body + f"--{boundary}--\r\n".encode(), "headers": headers}


def file(name: str, content: bytes, kind: str = "application/octet-stream") -> tuple[str, bytes]:
    return f'Content-Disposition: form-data; name="attachments"; {name}\r\nContent-Type: {kind}', content


async def posted(system: System, key: str, request: dict[str, Any]) -> tuple[int, str]:
    headers = {"Content-Type": "application/json"} | request.get("headers", {}) | {"Idempotency-Key": key}
    answer = await system.http.post("/v1/feedback", content=request["content"], headers=headers)
    return answer.status_code, answer.json().get("code", answer.text)


@pytest.mark.parametrize("way", WRITTEN)
async def test_what_is_sent_again_by_http_gets_its_code_however_it_is_written(system: System, way: str) -> None:
    """With defaults spelled out it was taken for another submission, and the code was lost for good."""
    key, again = str(uuid.uuid4()), WRITTEN[way](SAID)
    status, code = await posted(system, key, {"content": WRITTEN["as before"](SAID)})
    assert status == 201
    for request in (
        {"content": again},
        {"content": again, "headers": {"Content-Type": "application/json; charset=UTF-8"}},
        form(boundary="one", feedback=again),
        form(file('filename=""', b""), boundary="----WebKitFormBoundaryqM8YBgOlAyPGoVxJ", feedback=again),
    ):
        assert await posted(system, key, request) == (200, code), request


async def test_a_form_that_is_sent_again_gets_its_code_whatever_the_boundary_and_the_order_of_its_parts(system: System) -> None:
    key, said = str(uuid.uuid4()), WRITTEN["as before"](SAID)
    one, other = file('filename="đơn.pdf"', PDF), file('filename="anh.png"', PNG)
    status, code = await posted(system, key, form(one, other, boundary="one", feedback=said))
    assert status == 201
    as_by_dotnet = file("filename=\"=?utf-8?B?xJHGoW4ucGRm?=\"; filename*=utf-8''%C4%91%C6%A1n.pdf", PDF, "application/pdf")
    feedback = ('Content-Disposition: form-data; name="feedback"', said)
    for request in (
        form(one, other, boundary="------------------------d74496d66958873e", feedback=said),
        form(other, one, boundary="one", feedback=said),
        form(as_by_dotnet, other, boundary="one", feedback=WRITTEN["other order of fields"](SAID)),
        _form([one, other, feedback], "one"),
    ):
        assert await posted(system, key, request) == (200, code), request
    status, _ = await posted(system, key, form(one, boundary="one", feedback=said))
    assert status == 422


async def test_what_is_posted_again_by_kafka_gets_its_code_however_it_is_written(system: System) -> None:
    contents = (("a.pdf", PDF), ("b.png", PNG))
    files = [{"name": name, "content_base64": base64.b64encode(content).decode()} for name, content in contents]
    said = SAID | {"sent_at": "2026-03-02T08:00:00+07:00", "reference": "HS-1", "attachments": files}
    same = said | {"sent_at": "2026-03-02T01:00:00Z", "attachments": files[::-1]}
    attributes = {"specversion": "1.0", "type": "pakn.PortalSubmission.v1", "source": "/x", "time": "2026-03-02T03:00:00Z"}
    for way, write in WRITTEN.items():
        again, headers = write(same), lines("PortalSubmission", way)
        await system.post.raw("inbox.cdvcqg", WRITTEN["as before"](said), headers)
        await system.post.raw("inbox.cdvcqg", again, headers)
        whole = json.dumps(attributes | {"id": way, "data": json.loads(again.decode("utf-8-sig"))}).encode()
        await system.post.raw("inbox.cdvcqg", whole, [("content-type", b"application/cloudevents+json; charset=UTF-8")])
    await system.settled("intake")
    for way in WRITTEN:
        answers = system.observer.found("SubmissionRegistered", topic="outbox.cdvcqg", submission_id=way)
        assert not system.observer.found("SubmissionRefused", topic="outbox.cdvcqg", submission_id=way)
        assert 1 <= len(answers) <= 3, f"{way}: once for each batch in which it stands"
        assert len({(answer.id, answer.value) for answer in answers}) == 1, way
