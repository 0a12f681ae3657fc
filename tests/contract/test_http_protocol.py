"""What comes before a request's body, on a real connection: bounded in bytes, in number and in time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from uvicorn.server import ServerState

from pakn.engine.http_protocol import MAX_HEADERS, BoundedHttp
from pakn.engine.process import server_config
from pakn.settings import HttpSettings

asked: list[str] = []


async def app(scope: Any, receive: Any, send: Any) -> None:
    asked.append(scope["path"])
    while (await receive()).get("more_body"):
        pass
    if scope["path"] == "/slow":
        await asyncio.Event().wait()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


class Impatient(BoundedHttp):
    head_seconds = 0.2


@asynccontextmanager
async def connected(protocol: type[BoundedHttp] = BoundedHttp) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    config = server_config(app, HttpSettings(), 0)
    config.load()
    loop = asyncio.get_running_loop()
    state = ServerState()
    server = await loop.create_server(lambda: protocol(config, state, {}, loop), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    try:
        yield reader, writer
    finally:
        writer.close()
        server.close()
        for task in state.tasks:
            task.cancel()


async def answer(reader: asyncio.StreamReader) -> str:
    return (await asyncio.wait_for(reader.read(), 10)).decode()


async def test_requests_within_the_bounds_are_answered_one_after_the_other() -> None:
    async with connected() as (reader, writer):
        for _ in range(3):
            writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 300000\r\n\r\n" + bytes(300_000))
            assert await asyncio.wait_for(reader.readuntil(b"ok"), 10)


@pytest.mark.parametrize("line", [b"a:b\r\n", b"A: " + b"a" * 4000 + b"\r\n", b"a" * 4000], ids=["many", "long", "no end"])
async def test_headers_without_end_are_read_no_further_than_to_their_bound(line: bytes) -> None:
    async with connected() as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\n")
        # What is written behind the bound is lost, and may end the connection before the answer is read.
        with suppress(ConnectionError):
            for _ in range(64):
                writer.write(line * (16_384 // len(line)))
                await writer.drain()
        with suppress(ConnectionError):
            assert (await answer(reader)).startswith("HTTP/1.1 431 ")
        assert writer.transport.is_closing() or reader.at_eof()


async def test_too_many_headers_are_refused_with_a_problem_document() -> None:
    async with connected() as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\n" + b"a:b\r\n" * (MAX_HEADERS + 1) + b"\r\n")
        said = await answer(reader)
        assert said.startswith("HTTP/1.1 431 ")
        assert "urn:pakn:problem:headers-too-large" in said


async def test_what_is_no_request_is_answered_in_our_words() -> None:
    async with connected() as (reader, writer):
        writer.write(b"\x16\x03\x01\x02\x00\x01\r\n\r\n")
        assert "urn:pakn:problem:not-http" in await answer(reader)


@pytest.mark.parametrize("sent", [b"", b"GET / HTT", b"GET / HTTP/1.1\r\na: b\r\n"])
async def test_a_head_that_does_not_end_is_cut(sent: bytes) -> None:
    async with connected(Impatient) as (reader, writer):
        writer.write(sent)
        assert (await answer(reader)).startswith("HTTP/1.1 408 ")


async def test_a_request_in_time_is_not_cut_while_it_is_answered() -> None:
    async with connected(Impatient) as (reader, writer):
        writer.write(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.5)


async def test_requests_that_nobody_waits_for_are_bounded() -> None:
    asked.clear()
    async with connected() as (reader, writer):
        writer.write(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n" * 10_000)
        with suppress(ConnectionError):
            assert await answer(reader) == ""
    assert len(asked) == 1
