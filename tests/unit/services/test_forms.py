"""Forms as browsers and other languages' clients send them, in whatever packets, and what is too large to be held."""

import itertools
import re
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import suppress
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pakn.engine.problems import Problem
from services.intake.domain import File, whole_file
from services.intake.doors import bodies

FORM = "multipart/form-data; boundary=y"


class Held:
    """Holds the files of a form whole."""

    def __init__(self) -> None:
        self._content = b""

    async def write(self, _name: str, data: bytes) -> None:
        self._content += data

    async def finish(self, name: str) -> File:
        content, self._content = self._content, b""
        return whole_file("f", 0, name, content)


async def read(packets: Iterable[bytes], content_type: str = FORM) -> bodies.Body:
    async def chunks() -> AsyncIterator[bytes]:
        for packet in packets:
            if packet:
                yield packet

    return await bodies.read(content_type, chunks(), Held())


async def refused(packets: Iterable[bytes], content_type: str = FORM) -> Problem:
    with pytest.raises(Problem) as caught:
        await read(packets, content_type)
    return caught.value


def part(disposition: str, content: bytes = b"") -> bytes:
    return b"--y\r\nContent-Disposition: form-data; " + disposition.encode() + b"\r\n\r\n" + content + b"\r\n"


FEEDBACK = part('name="feedback"', b"{}")
END = b"--y--\r\n"


async def names_of(*dispositions: str) -> list[str]:
    """The names of files whose parts have these dispositions."""
    parts = [part(f'name="attachments"; {row}', b"x") for row in dispositions]
    body = await read([FEEDBACK + b"".join(parts) + END])
    assert not body.faults
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
        ("filename=\"a.png\"; filename*=idna''b.png", "a.png"),
        ("filename=\"a.png\"; filename*=a%00b''b.png", "a.png"),
        ("filename=\"a.png\"; filename*=zlib_codec''b.png", "a.png"),
        ("filename=\"a.png\"; filename*=utf-8''b.png; filename*0=c.png", "a.png"),
        ("filename=\"a.png\"; filename*1=b.png; filename*=utf-8''c.png", "a.png"),
        ('filename="=?utf-8?q?a?= =?\x00?q?b b?=.png"', "a =?\x00?q?b b?=.png"),
        ('filename="=?utf-8?q?a?= =?unicode_escape?q?=5Cud800 x?=.png"', "a =?unicode_escape?q?=5Cud800 x?=.png"),
        ('filename="=?utf-7?q?+2AA-.png?="', "=?utf-7?q?+2AA-.png?="),
        ('filename="=?unicode_escape?q?=5Cud800.png?="', "=?unicode_escape?q?=5Cud800.png?="),
    ],
)
async def test_a_files_name_is_understood_however_a_client_writes_it(disposition: str, name: str) -> None:
    """A form from .NET was refused once, since its encoded name has no ending."""
    assert await names_of(disposition) == [name]


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/\\"), min_size=1, max_size=60))
async def test_any_name_comes_back_from_its_extended_form(name: str) -> None:
    assert await names_of(f"filename=\"x\"; filename*=UTF-8''{quote(name, safe='')}") == [name]


async def test_a_list_of_files_is_taken_as_clients_of_other_languages_name_it() -> None:
    """PHP's clients number the parts of a list, others put brackets behind its name: no file of theirs was taken."""
    names = ("attachments", "attachments[]", "attachments[0]", "attachments[1]")
    body = await read([FEEDBACK, *(part(f'name="{name}"; filename="a.png"', b"x") for name in names), END])
    assert (len(body.files), body.faults) == (4, [])
    body = await read([FEEDBACK, part('name="attachments[a]"; filename="a.png"', b"x"), END])
    assert [(fault.field, fault.code) for fault in body.faults] == [("attachments[a]", "unknown_field")]


@pytest.mark.parametrize("beside", [b"", part('name="attachments"; filename="a.png"', b"x")], ids=["alone", "beside a photo"])
async def test_an_empty_file_field_of_a_browser_is_no_file(beside: bytes) -> None:
    body = await read([FEEDBACK, part('name="attachments"; filename=""'), beside, END])
    assert not body.faults
    assert [file.name for file in body.files] == (["a.png"] if beside else [])


async def test_an_empty_file_with_a_name_and_a_file_without_one_are_files() -> None:
    """What the sender chose is not left out in silence; the check of files names it."""
    dispositions = ('name="attachments"; filename="a.png"', b""), ('name="attachments"; filename=""', b"x")
    body = await read([FEEDBACK, *(part(*row) for row in dispositions), END])
    assert [(file.name, file.content) for file in body.files] == [("a.png", b""), ("", b"x")]


async def test_what_is_wrong_with_parts_is_listed_beside_what_is_read() -> None:
    parts = [FEEDBACK, part('name="attachments"', b"text"), part('name="photo"; filename="a.png"', b"x"), FEEDBACK, END]
    body = await read(parts)
    assert [(fault.field, fault.code) for fault in body.faults] == [
        ("attachments", "wrong_type"), ("photo", "unknown_field"), ("feedback", "sent_twice"),
    ]  # fmt: skip
    problem = await refused([part('name="attachments"', b"text"), END])
    assert problem.status_code == 422
    assert [fault["field"] for fault in problem.extra["errors"]] == ["attachments", "feedback"]


@given(st.binary(max_size=300).filter(lambda content: b"\r\n--y" not in content), st.lists(st.integers(1, 60), min_size=1))
async def test_the_packets_that_a_form_comes_in_change_nothing(content: bytes, lengths: Sequence[int]) -> None:
    """The end of the last line, alone in a packet, once made the parser refuse the form."""
    whole = FEEDBACK + part('name="attachments"; filename="a.png"', content) + END
    rest, packets = whole, []
    for length in itertools.cycle(lengths):
        packets.append(rest[:length])
        rest = rest[length:]
        if not rest:
            break
    body = await read(packets)
    assert (body.raw, [file.content for file in body.files]) == (b"{}", [content])


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
    assert (await refused(counted(endless, seen), content_type)).status_code == 413
    assert sum(seen) < 2 * bodies.MAX_JSON_BYTES


async def test_a_form_of_parts_without_an_end_is_refused_at_its_bound() -> None:
    seen: list[int] = []
    problem = await refused(counted(itertools.chain([FEEDBACK], itertools.repeat(part('name="photo"', b"x"))), seen))
    assert (problem.status_code, len(seen) <= bodies.MAX_PARTS + 1) == (413, True)


@pytest.mark.parametrize("broken", [FEEDBACK, FEEDBACK + b"--", b"no form", b"--y\r\nX: \xff\r\n\r\n", b"--y\r\nno colon\r\n\r\n"])
async def test_a_broken_form_is_refused(broken: bytes) -> None:
    assert (await refused([broken])).status_code == 400


@pytest.mark.parametrize("raw", [b"[" + b"[]," * 60_000 + b"]", b"[" * 5_000, b"1" * 5_000, b"\xff", b"nothing"])
def test_a_document_that_cannot_be_read_is_refused_in_our_words(raw: bytes) -> None:
    with pytest.raises(Problem) as refused:
        bodies.parse_object(raw)
    detail = str(refused.value.detail)
    assert detail.startswith("Send a ")
    assert not re.search("recursion|sys\\.|Expecting|codec", detail)


CHARSETS = ["utf-8", "iso-8859-1", "utf-7", "idna", "punycode", "unicode_escape", "raw_unicode_escape", "utf-16", "undefined", "x"]
ESCAPED = st.text(st.sampled_from("%2BDd8/-+\\u0aé"), max_size=12)


@given(st.sampled_from(CHARSETS), ESCAPED, st.booleans())
async def test_every_name_that_a_form_gives_can_be_stored(charset: str, escaped: str, extended: bool) -> None:
    """`filename*=idna''a.pdf` was an error of the server's own: any of Python's codecs could be named."""
    head = f"filename*={charset}''{escaped}.png" if extended else f'filename="=?{charset}?q?{escaped}?=.png"'
    for name in await names_of(f'{head}; filename="a.png"' if extended else head):
        assert name.encode().decode() == name


PIECES = [
    "filename",
    "*",
    "0",
    "1",
    "=",
    '"',
    ";",
    " ",
    "utf-8''",
    "''",
    "=?",
    "?q?",
    "?b?",
    "?=",
    "utf-8",
    "unicode_escape",
    "%C3",
    "a",
]


@given(st.lists(st.sampled_from([*PIECES, "=5Cud800", "\x00", "é", "%", "\\"]), max_size=30).map("".join))
async def test_no_disposition_is_an_error_of_the_servers_own(disposition: str) -> None:
    """Parameters with a number and without one beside each other were, and an encoded word with a space in it."""
    with suppress(Problem):
        body = await read([FEEDBACK, part(f'name="attachments"; {disposition}', b"x"), END])
        for file in body.files:
            file.name.encode()
