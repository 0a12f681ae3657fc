"""What an Open311 client posts: a form, urlencoded or in parts, with files of a feedback that is known before they are kept."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from pakn.engine.problems import Problem
from services.intake.doors.open311.forms import PostedForm


class Taker:
    """Takes files and says for which feedback."""

    def __init__(self) -> None:
        self.feedback_ids: list[str] = []
        self.files: list[str] = []

    def belong_to(self, feedback_id: str) -> None:
        self.feedback_ids.append(feedback_id)

    async def write(self, *_: Any) -> None:
        assert self.feedback_ids, "whose file it is must be known before it is kept"

    async def finish(self, name: str) -> Any:
        self.files.append(name)
        return name


async def chunks(body: bytes, size: int = 7) -> AsyncIterator[bytes]:
    for place in range(0, len(body), size):
        yield body[place : place + size]


def multipart(*parts: tuple[str, str | None, bytes]) -> bytes:
    made = b""
    for name, file, content in parts:
        made += f'--b\r\nContent-Disposition: form-data; name="{name}"'.encode()
        made += f'; filename="{file}"'.encode() if file is not None else b""
        made += b"\r\n\r\n" + content + b"\r\n"
    return made + b"--b--\r\n"


async def posted(body: bytes, kind: str = "application/x-www-form-urlencoded") -> tuple[PostedForm, Taker]:
    form, taker = PostedForm(lambda key: f"feedback of {key}"), Taker()
    await form.read(kind, chunks(body), taker)
    return form, taker


async def test_a_form_is_the_same_urlencoded_and_in_parts() -> None:
    encoded, _ = await posted(
        b"api_key=k&service_code=khac&attribute[a]=1&attribute[b][]=2&attribute[b][]=3&lat=&description=%E1%BB%94"
    )
    parts, taker = await posted(
        multipart(
            ("api_key", None, b"k"), ("service_code", None, b"khac"), ("attribute[a]", None, b"1"), ("attribute[b][]", None, b"2"),
            ("attribute[b][]", None, b"3"), ("lat", None, b""), ("description", None, "Ổ".encode()), ("media", "a.pdf", b"x"),
            ("media[0]", "b.pdf", b"y"), ("media", "", b""),
        ),
        "multipart/form-data; boundary=b",
    )  # fmt: skip
    assert encoded.values == parts.values == {"api_key": "k", "service_code": "khac", "description": "Ổ"}
    assert encoded.attributes == parts.attributes == {"a": ["1"], "b": ["2", "3"]}
    assert (taker.files, taker.feedback_ids) == (["a.pdf", "b.pdf"], ["feedback of k"])
    assert encoded.faults == parts.faults == []


async def test_what_would_be_left_out_without_a_word_is_a_fault() -> None:
    form, _ = await posted(b"colour=blue&lat=1&lat=2&media=a.jpg")
    assert [(fault.field, fault.code) for fault in form.faults] == [
        ("colour", "unknown_field"), ("lat", "sent_twice"), ("media", "unknown_field"),
    ]  # fmt: skip
    late, taker = await posted(multipart(("media", "a.pdf", b"x"), ("api_key", None, b"k")), "multipart/form-data; boundary=b")
    assert [(fault.field, fault.code) for fault in late.faults] == [("api_key", "invalid")]
    assert taker.feedback_ids == ["feedback of None"], "a file has been kept for nobody's feedback by then"


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{}", "application/json", 415),
        (b"description=%ff", "application/x-www-form-urlencoded", 400),
        (b"a=1&" * 300, "application/x-www-form-urlencoded", 400),
        (b"description=" + b"x" * 1024 * 1024, "application/x-www-form-urlencoded", 413),
        (multipart(("description", None, b"\xff")), "multipart/form-data; boundary=b", 400),
        (multipart(("a", None, b"x" * 700_000), ("b", None, b"x" * 700_000)), "multipart/form-data; boundary=b", 413),
        (b"--b\r\nContent-Disp", "multipart/form-data; boundary=b", 400),
        (b"--b--\r\n", "multipart/form-data", 400),
    ],
)
async def test_a_form_that_cannot_be_read_is_refused(body: bytes, kind: str, status: int) -> None:
    form, taker = PostedForm(lambda _: "id"), Taker()
    with pytest.raises(Problem) as refused:
        await form.read(kind, chunks(body, 64 * 1024), taker)
    assert refused.value.status_code == status
