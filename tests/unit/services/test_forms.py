"""Forms as browsers and other languages' clients send them, in whatever packets, and what is too large to be held."""

import itertools
import json
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar import Litestar, post

from pakn.engine import problems
from pakn.engine.problems import AnyRequest
from services.intake.doors import bodies

MAX_FILE = 1000
FORM = "multipart/form-data; boundary=y"
TAKEN: list[bodies.Body] = []


@post("/", request_max_body_size=4 * bodies.MAX_JSON_BYTES)
async def take(request: AnyRequest) -> None:
    TAKEN.append(await bodies.read(request, MAX_FILE))


APP = Litestar([take], plugins=[problems.plugin()], openapi_config=None, logging_config=None)


async def send(packets: Iterator[bytes], content_type: str = FORM, *, gone: bool = False) -> tuple[int, bodies.Body | Any]:
    """The status, and what was read or the problem. `gone`: the sender goes away after the last packet."""
    TAKEN.clear()
    events = itertools.chain(
        ({"type": "http.request", "body": packet, "more_body": True} for packet in packets),
        [{"type": "http.disconnect"}] if gone else [{"type": "http.request", "body": b"", "more_body": False}],
    )
    sent: list[Any] = []

    async def receive() -> Any:
        return next(events)

    async def note(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "http_version": "1.1"}
    headers = [(b"content-type", content_type.encode())]
    await APP(scope | {"headers": headers}, receive, note)  # type: ignore[arg-type]
    if TAKEN:
        return sent[0]["status"], TAKEN[0]
    return sent[0]["status"], json.loads(sent[1]["body"])


def part(disposition: str, content: bytes = b"") -> bytes:
    return b"--y\r\nContent-Disposition: form-data; " + disposition.encode() + b"\r\n\r\n" + content + b"\r\n"


FEEDBACK = part('name="feedback"', b"{}")
END = b"--y--\r\n"


async def names_of(*dispositions: str) -> list[str]:
    """The names of files whose parts have these dispositions."""
    parts = [part(f'name="attachments"; {row}', b"x") for row in dispositions]
    status, body = await send(iter([FEEDBACK + b"".join(parts) + END]))
    assert (status, body.faults) == (201, [])
    return [file.name for file in body.files]


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ("filename=\"=?utf-8?B?4bqjbmgucG5n?=\"; filename*=utf-8''%E1%BA%A3nh.png", "ảnh.png"),
        ("filename*=UTF-8''%E1%BA%A3nh.png", "ảnh.png"),
        ("FileName*=utf-8'vi'%E1%BA%A3nh.png", "ảnh.png"),
        ("filename*0*=utf-8''%E1%BA%A3n; filename*1*=h.png", "ảnh.png"),
        ("filename*=utf-8''ảnh.png", "ảnh.png"),
        ("filename*=iso-8859-1''%E9t%E9.png", "été.png"),
        ('filename="=?UTF-8?Q?=E1=BA=A3nh?= =?UTF-8?Q?.png?="', "ảnh.png"),
        ('filename="=?nonsense?B?4bqjbmgucG5n?="', "=?nonsense?B?4bqjbmgucG5n?="),
        ('filename="ảnh.png"', "ảnh.png"),
        ("filename=anh.png", "anh.png"),
        ('filename="a%22b.png"', 'a"b.png'),
        (r'filename="a\"b.png"', 'a"b.png'),
        ('filename="../../etc/anh.png"', "anh.png"),
        (r'filename="C:\Users\an\anh.png"', "anh.png"),
        ("filename*=utf-8''..%2F..%2Fanh.png", "anh.png"),
    ],
)
async def test_a_files_name_is_understood_however_a_client_writes_it(disposition: str, name: str) -> None:
    """A form from .NET was refused once, since its encoded name has no ending."""
    assert await names_of(disposition) == [name]


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/\\"), min_size=1, max_size=60))
async def test_any_name_comes_back_from_its_extended_form(name: str) -> None:
    assert await names_of(f"filename=\"x\"; filename*=UTF-8''{quote(name, safe='')}") == [name]


@pytest.mark.parametrize("beside", [b"", part('name="attachments"; filename="a.png"', b"x")], ids=["alone", "beside a photo"])
async def test_an_empty_file_field_of_a_browser_is_no_file(beside: bytes) -> None:
    status, body = await send(iter([FEEDBACK, part('name="attachments"; filename=""'), beside, END]))
    assert (status, body.faults) == (201, [])
    assert [file.name for file in body.files] == (["a.png"] if beside else [])


async def test_an_empty_file_with_a_name_and_a_file_without_one_are_files() -> None:
    """What the sender chose is not left out in silence; the check of files names it."""
    dispositions = ('name="attachments"; filename="a.png"', b""), ('name="attachments"; filename=""', b"x")
    _, body = await send(iter([FEEDBACK, *(part(*row) for row in dispositions), END]))
    assert [(file.name, file.content) for file in body.files] == [("a.png", b""), ("", b"x")]


async def test_what_is_wrong_with_parts_is_listed_beside_what_is_read() -> None:
    parts = [FEEDBACK, part('name="attachments"', b"text"), part('name="photo"; filename="a.png"', b"x"), FEEDBACK, END]
    status, body = await send(iter(parts))
    assert status == 201
    assert [(fault.field, fault.code) for fault in body.faults] == [
        ("attachments", "wrong_type"), ("photo", "unknown_field"), ("feedback", "sent_twice"),
    ]  # fmt: skip
    status, problem = await send(iter([part('name="attachments"', b"text"), END]))
    assert status == 422
    assert [fault["field"] for fault in problem["errors"]] == ["attachments", "feedback"]


@given(st.binary(max_size=300), st.lists(st.integers(1, 60), min_size=1))
async def test_the_packets_that_a_form_comes_in_change_nothing(content: bytes, lengths: Sequence[int]) -> None:
    """The end of the last line, alone in a packet, once made the parser refuse the form."""
    whole = FEEDBACK + part('name="attachments"; filename="a.png"', content) + END
    rest, packets = whole, []
    for length in itertools.cycle(lengths):
        packets.append(rest[:length])
        rest = rest[length:]
        if not rest:
            break
    status, body = await send(iter(packets))
    if b"\r\n--y" in content:
        return
    assert (status, body.raw, [file.content for file in body.files]) == (201, b"{}", [content])


def counted(packets: Iterator[bytes], seen: list[int]) -> Iterator[bytes]:
    for packet in packets:
        seen.append(len(packet))
        yield packet


@pytest.mark.parametrize(
    ("first", "content_type"),
    [(b"", "application/json"), (FEEDBACK[: FEEDBACK.index(b"{")], FORM)],
    ids=["json", "part"],
)
async def test_json_without_an_end_is_refused_at_its_bound(first: bytes, content_type: str) -> None:
    """A part of 50 MB of `[],[],` once took 1.4 GB, and every page stood still for 15 seconds."""
    seen: list[int] = []
    endless = itertools.chain([first] if first else [], itertools.repeat(b"[]," * 20_000))
    status, _ = await send(counted(endless, seen), content_type)
    assert status == 413
    assert sum(seen) < 2 * bodies.MAX_JSON_BYTES


async def test_a_form_of_parts_without_an_end_is_refused_at_its_bound() -> None:
    seen: list[int] = []
    status, _ = await send(counted(itertools.repeat(part('name="attachments"; filename="a.png"', b"x")), seen))
    assert (status, len(seen) <= bodies.MAX_PARTS + 1) == (413, True)


async def test_of_a_file_that_is_too_large_no_more_is_held_than_shows_it() -> None:
    parts = [FEEDBACK, part('name="attachments"; filename="a.png"', b"x" * 50 * MAX_FILE), END]
    _, body = await send(iter(parts))
    assert len(body.files[0].content) == MAX_FILE + 1


@pytest.mark.parametrize("content_type", [FORM, "application/json"])
async def test_a_sender_who_goes_away_is_no_fault_of_ours(content_type: str) -> None:
    status, problem = await send(iter([FEEDBACK]), content_type, gone=True)
    assert (status, problem["type"]) == (400, "urn:pakn:problem:body-not-complete")


@pytest.mark.parametrize("broken", [FEEDBACK, FEEDBACK + b"--", b"no form", b"--y\r\nX: \xff\r\n\r\n", b"--y\r\nno colon\r\n\r\n"])
async def test_a_broken_form_is_refused(broken: bytes) -> None:
    assert (await send(iter([broken])))[0] == 400
