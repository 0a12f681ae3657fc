"""A connection to an application as uvicorn serves it here, and a client that sends what no library for clients would."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from uvicorn.server import ServerState

from pakn.engine.http_protocol import BoundedHttp, server_config
from pakn.settings import HttpSettings


@dataclass
class App:
    """Answers `/early` before the body has come, `/slow` when `go` is set, and all else once it has read the body.

    The answer to `/large` has 64 MB; once nobody waits for it any more, `gone` is set.
    """

    gone: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Event = field(default_factory=asyncio.Event)
    scopes: list[Any] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        body, is_more = b"", scope["path"] != "/early"
        while is_more:
            message = await receive()
            body, is_more = body + message.get("body", b""), message.get("more_body", False)
        self.bodies.append(body)
        if scope["path"] == "/slow":
            await self.go.wait()
        if scope["path"] == "/large":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            for _ in range(64):
                await send({"type": "http.response.body", "body": bytes(1024 * 1024), "more_body": True})
            await receive()
            self.gone.set()
            return
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


@dataclass
class Connection:
    """A client's end. What it sends is read by no one else, so that an answer is there also once the server has gone."""

    sock: socket.socket
    app: App

    async def send(self, data: bytes) -> None:
        """Send as much as the server takes."""
        with suppress(ConnectionError):
            await asyncio.wait_for(asyncio.get_running_loop().sock_sendall(self.sock, data), 10)

    async def pour(self, line: bytes) -> None:
        """Send these bytes again and again, far beyond each bound, until the server has gone."""
        piece = line * (16_384 // len(line))
        with suppress(ConnectionError):
            for _ in range(256):
                await asyncio.wait_for(asyncio.get_running_loop().sock_sendall(self.sock, piece), 10)
                await asyncio.sleep(0)  # The server's turn: a send that need not wait gives none.
            pytest.fail("4 MB were taken")

    async def read(self) -> bytes:
        """Something that the server says; nothing once it has gone."""
        with suppress(ConnectionError):
            return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self.sock, 65_536), 10)
        return b""

    async def answers(self, number: int = 1) -> bytes:
        """What the server says up to its answer of this number."""
        said = b""
        while said.count(b"\r\n\r\nok") < number and (more := await self.read()):
            said += more
        assert said.count(b"\r\n\r\nok") == number
        return said

    async def rest(self) -> str:
        """What the server says until it goes."""
        said = b""
        while more := await self.read():
            said += more
        return said.decode()


@asynccontextmanager
async def connected(protocol: type[BoundedHttp] = BoundedHttp) -> AsyncIterator[Connection]:
    app, state, loop = App(), ServerState(), asyncio.get_running_loop()
    config = server_config(app, HttpSettings(), 0)
    config.load()
    server = await loop.create_server(lambda: protocol(config, state, {}, loop), "127.0.0.1", 0)
    with socket.socket() as sock:
        sock.setblocking(False)
        await loop.sock_connect(sock, server.sockets[0].getsockname())
        try:
            yield Connection(sock, app)
        finally:
            server.close()
            for task in state.tasks:
                task.cancel()
            for connection in list(state.connections):
                connection.transport.abort()  # type: ignore[union-attr]
