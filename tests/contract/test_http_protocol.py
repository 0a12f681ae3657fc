"""What of a request is not its body, on a real connection: bounded in bytes, in number and in time, in every state of it."""

import asyncio
import sys
from collections.abc import Iterator
from itertools import repeat

import pytest

from pakn.engine.http_protocol import MAX_HEAD_BYTES, MAX_HEADERS, BoundedHttp
from tests.support.http_connection import connected

CHUNKED = b"%s HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
BODY_TO_COME = b"POST /early HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n"
READ_BY_PIECE = 256 * 1024
"""Bytes that the loop hands over at once."""


class Impatient(BoundedHttp):
    head_seconds = 0.2
    rest_seconds = 0.6


class HalfPatient(BoundedHttp):
    head_seconds = 1
    unread_seconds = 0.5


async def test_requests_within_the_bounds_are_answered_one_after_the_other() -> None:
    async with connected() as client:
        for _ in range(3):
            await client.send(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 300000\r\n\r\n" + bytes(300_000))
            await client.answers()
            await client.send(CHUNKED % b"POST /" + b"1\r\nx\r\n" * 100_000 + b"0\r\n\r\n")
            await client.answers()
            await client.send(b"GET / HTTP/1.1\r\n" + b"a:b\r\n" * MAX_HEADERS + b"\r\n\r\n\r\n")
            await client.answers()


@pytest.mark.parametrize("line", [b"a:b\r\n", b"A: " + b"a" * 4000 + b"\r\n", b"a" * 4000], ids=["many", "long", "no end"])
@pytest.mark.parametrize("before", [b"", b"GET / HTTP/1.1\r\n\r\n"], ids=["first", "second"])
async def test_headers_without_end_are_read_no_further_than_to_their_bound(line: bytes, before: bytes) -> None:
    async with connected() as client:
        if before:
            await client.send(before)
            await client.answers()
        await client.send(b"GET / HTTP/1.1\r\n")
        await client.pour(line)
        assert (await client.rest()).startswith("HTTP/1.1 431 ")


@pytest.mark.parametrize("head", [b"a:b\r\n" * (MAX_HEADERS + 1), b"a: %s\r\n" % bytes(MAX_HEAD_BYTES).replace(b"\0", b"a")])
async def test_too_many_headers_are_refused_with_a_problem_document(head: bytes) -> None:
    async with connected() as client:
        await client.send(b"GET / HTTP/1.1\r\n" + head + b"\r\n")
        said = await client.rest()
        assert said.startswith("HTTP/1.1 431 ")
        assert "urn:pakn:problem:headers-too-large" in said


async def test_headers_behind_a_body_are_none_of_the_request() -> None:
    """They were put among those that the application reads, and counted nowhere: 50 MB of them held 1.1 GB."""
    async with connected() as client:
        await client.send(CHUNKED % b"POST /" + b"0\r\nauthorization: x\r\n" + b"a:b\r\n" * 200 + b"\r\n")
        await client.answers()
        assert {name for name, _ in client.app.scopes[0]["headers"]} == {b"host", b"transfer-encoding"}


WITHOUT_END = {
    "many trailers": (b"0\r\n", b"a:b\r\n"),
    "a long trailer": (b"0\r\n", b"a" * 4000),
    "a long value": (b"0\r\na:", b"a" * 4000),
    "a size": (b"", b"0" * 4000),
    "an extension": (b"1;", b"a" * 4000),
    "an extension of the last": (b"1\r\nx\r\n0;", b"a=b;" * 1000),
}


@pytest.mark.parametrize(("begin", "line"), WITHOUT_END.values(), ids=WITHOUT_END)
@pytest.mark.parametrize("path", [b"POST /", b"GET /slow", b"POST /early"])
async def test_what_is_no_body_behind_the_headers_is_bounded_too(path: bytes, begin: bytes, line: bytes) -> None:
    async with connected() as client:
        await client.send(CHUNKED % path)
        if path == b"POST /early":
            await client.answers()
        await client.send(begin)
        await client.pour(line)
        assert await client.rest() == "", "an answer here would be one to the request, or a second one to it"
        assert len(client.app.scopes[0]["headers"]) == 2


async def test_empty_lines_without_end_are_bounded() -> None:
    async with connected() as client:
        await client.send(b"GET / HTTP/1.1\r\n\r\n")
        await client.answers()
        await client.pour(b"\r\n")


async def test_what_is_no_request_is_answered_in_our_words() -> None:
    async with connected() as client:
        await client.send(b"\x16\x03\x01\x02\x00\x01\r\n\r\n")
        assert "urn:pakn:problem:not-http" in await client.rest()


@pytest.mark.parametrize("sent", [b"", b"\r\n", b"GET / HTT", b"GET / HTTP/1.1\r\na: b\r\n"])
async def test_a_head_that_does_not_end_is_cut(sent: bytes) -> None:
    async with connected(Impatient) as client:
        await client.send(sent)
        assert (await client.rest()).startswith("HTTP/1.1 408 ")


def drops(data: bytes) -> Iterator[bytes]:
    """One byte after the other, and the last one without end."""
    for place in range(len(data)):
        yield data[place : place + 1]
    yield from repeat(data[-1:])


AFTER_AN_ANSWER = {
    "empty lines": (b"GET / HTTP/1.1\r\n\r\n", b"\r\n"),
    "a head": (b"GET / HTTP/1.1\r\n\r\n", b"GET /aaaa"),
    "a body": (BODY_TO_COME, b"x"),
    "chunks": (CHUNKED % b"POST /early", b"1\r\nx\r\n0"),
    "trailers": (CHUNKED % b"POST /early", b"0\r\na: b"),
    "a body that was to be asked for": (BODY_TO_COME.replace(b"host", b"expect: 100-continue\r\nhost"), b"x"),
    "what is no websocket": (b"GET / HTTP/1.1\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n", b"\r\n"),
}


@pytest.mark.parametrize(("request_", "more"), AFTER_AN_ANSWER.values(), ids=AFTER_AN_ANSWER)
@pytest.mark.parametrize("is_one_piece", [True, False], ids=["then silent", "drop by drop"])
async def test_after_an_answer_the_time_is_bounded_too(request_: bytes, more: bytes, is_one_piece: bool) -> None:
    """An empty line, or a byte of a body that nobody reads, kept a connection open for ever."""
    async with connected(Impatient) as client:
        await client.send(request_)
        await client.answers()
        ended = asyncio.ensure_future(client.rest())
        for drop in [more] if is_one_piece else drops(more):
            await client.send(drop)
            if (await asyncio.wait([ended], timeout=0.01))[0]:
                break
        said = await asyncio.wait_for(ended, 3)
        assert said == "" or (said.startswith("HTTP/1.1 408 ") and more[:1] in b"\rG")


async def test_who_sends_a_body_slowly_reads_the_answer_that_came_before_its_end() -> None:
    async with connected(HalfPatient) as client:
        await client.send(BODY_TO_COME)
        await client.answers()
        for _ in range(20):
            await client.send(b"x")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.get_running_loop().sock_recv(client.sock, 1), 0.07)
        await client.send(bytes(1_000_000 - 20) + b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        await client.answers()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep such a connection")
async def test_a_reader_who_takes_nothing_of_an_answer_is_let_go() -> None:
    async with connected(HalfPatient) as client:
        await client.send(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n")
        await asyncio.wait_for(client.app.gone.wait(), 10)


async def test_a_request_in_time_is_not_cut_while_it_is_answered() -> None:
    async with connected(Impatient) as client:
        await client.send(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.get_running_loop().sock_recv(client.sock, 1), 0.5)
        client.app.go.set()
        await client.answers()


BEHIND = {
    "101 headers": b"GET / HTTP/1.1\r\n" + b"a:b\r\n" * (MAX_HEADERS + 1) + b"\r\n",
    "no request": b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
    "a head without end": b"GET / HTTP/1.1\r\na:" + b"a" * (MAX_HEAD_BYTES + READ_BY_PIECE),
    "too many": b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n" * 10_000,
}


@pytest.mark.parametrize("behind", BEHIND.values(), ids=BEHIND)
async def test_what_is_refused_behind_a_request_is_no_answer_to_it(behind: bytes) -> None:
    """431 was read as the answer to the request before."""
    async with connected() as client:
        await client.send(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")
        await client.send(behind)
        assert await client.rest() == ""
        assert len(client.app.scopes) == 1


async def test_a_request_is_answered_however_slow_the_next_one_comes() -> None:
    """408 for the next was read as the answer to this one."""
    async with connected(Impatient) as client:
        await client.send(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\nGET / HTT")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.get_running_loop().sock_recv(client.sock, 1), 0.5)
        client.app.go.set()
        await client.answers()
        await client.send(b"P/1.1\r\nhost: x\r\n\r\n")
        await client.answers()


@pytest.mark.parametrize(
    "request_", [b"GET / HTTP/1.0\r\n\r\n", b"POST / HTTP/1.0\r\n\r\n", b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n"]
)
async def test_a_connection_for_one_request_ends_with_its_answer(request_: bytes) -> None:
    async with connected() as client:
        await client.send(request_ + b"GET / HTTP/1.1\r\n\r\n")
        assert (await client.rest()).count("ok") == 1


OFFERS = [
    b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAEA\r\n",
    b"Connection: upgrade\r\nUpgrade: websocket\r\n",
]
BODIES = [b"content-length: 5\r\n\r\nhello", b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"]


@pytest.mark.parametrize("offer", OFFERS, ids=["http/2", "websocket"])
@pytest.mark.parametrize("body", BODIES, ids=["length", "chunks"])
@pytest.mark.parametrize("size", [1, 100, 1000])
async def test_an_offer_of_another_protocol_is_passed_over(
    offer: bytes, body: bytes, size: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Java's own client offers HTTP/2 with each request: its bodies were lost, or taken for requests and answered with 400."""
    async with connected() as client:
        sent = b"POST /a?b=c HTTP/1.1\r\nhost: x\r\n" + offer + body + b"GET /next HTTP/1.1\r\nhost: y\r\n\r\n"
        for place in range(0, len(sent), size):
            await client.send(sent[place : place + size])
        await client.answers(2)
        assert [(scope["path"], scope["query_string"]) for scope in client.app.scopes] == [("/a", b"b=c"), ("/next", b"")]
        assert client.app.bodies == [b"hello", b""]
        assert (b"host", b"x") in client.app.scopes[0]["headers"]
        assert not caplog.records


@pytest.mark.parametrize("target", [b"x:443", b"/"])
async def test_a_tunnel_is_refused(target: bytes) -> None:
    async with connected() as client:
        await client.send(b"CONNECT " + target + b" HTTP/1.1\r\nhost: x\r\n\r\nabc")
        assert "urn:pakn:problem:not-http" in await client.rest()
        assert client.app.scopes == []


@pytest.mark.parametrize("offer", OFFERS, ids=["http/2", "websocket"])
async def test_offers_that_nobody_waits_for_are_bounded(offer: bytes) -> None:
    async with connected() as client:
        await client.send((b"GET /slow HTTP/1.1\r\nhost: x\r\n" + offer + b"\r\n") * 5000)
        assert await client.rest() == ""
        assert len(client.app.scopes) == 1
