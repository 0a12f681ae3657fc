"""A city's Open311 server that misbehaves on demand, for the tests of portals that are asked by Open311."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit


class Asked(NamedTuple):
    """One request as it came: method, path, and the values of its question or its form."""

    method: str
    path: str
    values: dict[str, str]


def row(id: str, **more: Any) -> dict[str, Any]:
    return {"service_request_id": id, "status": "open", "service_code": "khac", "description": f"Ổ gà {id}"} | more


class OddCity:
    """A real HTTP server. `asked` has each request that it read; tests replace `answer` to misbehave: a status and a body."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.rows: list[dict[str, Any]] = []
        self.answer: Callable[[Asked], tuple[int, bytes]] = lambda _: (200, json.dumps(self.rows).encode())
        self.headers = ""
        # What is waited for between the request and the answer.
        self.before: Callable[[], Awaitable[object]] | None = None

    def paths(self, method: str) -> list[str]:
        return [each.path for each in self.asked if each.method == method]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if line := (await reader.readline()).decode():
                method, target, _ = line.split()
                length = 0
                while header := (await reader.readline()).decode().strip().lower():
                    if header.startswith("content-length:"):
                        length = int(header.partition(":")[2])
                form = (await reader.readexactly(length)).decode()
                parts = urlsplit(target)
                values = {name: found[0] for name, found in parse_qs(form or parts.query).items()}
                asked = Asked(method, parts.path, values)
                self.asked.append(asked)
                if self.before:
                    await self.before()
                status, body = self.answer(asked)
                head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{self.headers}\r\n"
                writer.write(head.encode() + body)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    @asynccontextmanager
    async def listening(self, port: int = 0) -> AsyncIterator[str]:
        """Listen on this port or a free one; gives the address of the interface."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v2"
        finally:
            server.close()
