"""HTTP/1.1 as uvicorn reads it, with bounds on what comes before a request's body, where the library has none.

Without them one connection that sends header lines without end takes all memory, and everybody else waits meanwhile.
"""

import asyncio
import json
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

MAX_HEAD_BYTES = 64 * 1024
"""Of a request's first line and headers, beside one piece as the loop reads it (256 KB)."""
MAX_HEADERS = 100
MAX_WAITING = 20
"""Requests sent behind one that is not answered yet; browsers send none."""


class BoundedHttp(HttpToolsProtocol):
    """One connection. `head_seconds`: how long the first line and the headers of a request may take."""

    head_seconds = 20.0
    _head_bytes: int | None = 0
    _late: asyncio.TimerHandle | None = None
    _refusal = (400, "not-http", "Send a request in HTTP/1.1; this is none.")

    def connection_made(self, transport: Any) -> None:
        """Wait for a first request, within a bound."""
        super().connection_made(transport)
        self._begin_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._end_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read a piece; a head that goes on and on is refused."""
        began_before = self._head_bytes is not None
        super().data_received(data)
        # The piece in which a head begins may hold the end of a body before it, and is not counted.
        if began_before and self._head_bytes is not None:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._answer(431, "headers-too-large", f"The headers of a request may have {MAX_HEAD_BYTES} bytes.")

    def on_message_begin(self) -> None:
        """A further request of this connection."""
        super().on_message_begin()
        self._begin_head()

    def on_headers_complete(self) -> None:
        """Begin to handle the request."""
        self._end_head()
        if len(self.headers) > MAX_HEADERS:
            self._refusal = (431, "headers-too-large", f"A request may have {MAX_HEADERS} headers.")
            raise ValueError("too many headers")
        if len(self.pipeline) >= MAX_WAITING:
            # An answer here would be taken for one to an earlier request.
            self.transport.abort()
            raise ValueError("too many requests that wait")
        super().on_headers_complete()

    def send_400_response(self, _msg: str) -> None:
        """Answer what is no request, or one beyond the bounds, in our own words."""
        self._answer(*self._refusal)

    def _begin_head(self) -> None:
        self._head_bytes = 0
        if self._late is None:
            self._late = self.loop.call_later(self.head_seconds, self._cut)

    def _end_head(self) -> None:
        self._head_bytes = None
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _cut(self) -> None:
        self._answer(408, "too-slow", f"The headers of a request may take {self.head_seconds:g} seconds.")

    def _answer(self, status: int, kind: str, detail: str) -> None:
        if self.transport.is_closing():
            return
        body = json.dumps({"type": f"urn:pakn:problem:{kind}", "status": status, "detail": detail, "errors": []}).encode()
        head = f"content-type: application/problem+json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        self.transport.write(STATUS_LINE[status] + head.encode() + body)
        self.transport.close()
