"""HTTP/1.1 as uvicorn reads it, with bounds on all of a connection that is no body, where the library has none.

Without them one connection that sends header lines without end takes all memory, and everybody else waits meanwhile.
"""

import asyncio
import json
import socket
import sys
from typing import Any

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from pakn.settings import HttpSettings, networks

MAX_HEAD_BYTES = 64 * 1024
"""Of a request's first line and headers; and of what comes, in pieces as the loop reads them (256 KB), without a byte of a body:
trailers, sizes of chunks, empty lines."""
MAX_HEADERS = 100
MAX_WAITING = 20
"""Requests sent behind one that is not answered yet; browsers send none."""
_TOO_LARGE = (431, "headers-too-large", f"The headers of a request may have {MAX_HEAD_BYTES} bytes.")


class BoundedHttp(HttpToolsProtocol):
    """One connection: while no answer is made on it, the next request has a bound in time.

    `head_seconds`: how long the first line and the headers of a request may take, and a pause in a body whose answer is given.
    `rest_seconds`: how long what is left of such a body may take, so that who sends it on a slow line reads his answer.
    `unread_seconds`: how long a reader may take nothing of an answer (Linux only).
    """

    head_seconds = 20.0
    rest_seconds = 300.0
    unread_seconds = 300.0
    _is_head = True  # What comes belongs to a head, and not to a body.
    _is_progress = False
    _without_progress = 0
    _rest_ends = 0.0  # By the loop's clock.
    _late: asyncio.TimerHandle | None = None
    _refusal = (400, "not-http", "Send a request in HTTP/1.1; this is none.")

    def connection_made(self, transport: Any) -> None:
        """Wait for a first request, within a bound."""
        super().connection_made(transport)
        if sys.platform == "linux":
            connection = transport.get_extra_info("socket")
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(self.unread_seconds * 1000))
        self._bound_time()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._end_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read a piece; what goes on and on and is no body is refused."""
        self._is_progress = False
        self._unset_keepalive_if_required()
        try:
            self._parse(data)
        except httptools.HttpParserError:
            self._refuse(*self._refusal)
        # The piece in which a head begins may hold the end of a body before it, and is not counted.
        self._without_progress = 0 if self._is_progress else self._without_progress + len(data)
        if self._without_progress > MAX_HEAD_BYTES:
            self._refuse(*_TOO_LARGE)
        self._bound_time()

    def on_message_begin(self) -> None:
        """A further request of this connection."""
        self._is_progress = True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header. One behind the body (a trailer) is dropped: the application has the headers, and believes them."""
        if not self._is_head:
            return
        if len(self.headers) >= MAX_HEADERS:
            self._refusal = (431, "headers-too-large", f"A request may have {MAX_HEADERS} headers.")
            raise ValueError("too many headers")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin to handle the request."""
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > MAX_HEAD_BYTES:
            self._refusal = _TOO_LARGE
            raise ValueError("too large headers")
        if len(self.pipeline) >= MAX_WAITING:
            self.transport.abort()
            raise ValueError("too many requests that wait")
        if self.parser.get_method() == b"CONNECT":
            raise ValueError("no proxy")
        if self.parser.should_upgrade():
            return
        self._is_head = False
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of a body."""
        self._is_progress = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The end of a request."""
        if self.parser.should_upgrade():
            return
        self._is_head = self._is_progress = True
        super().on_message_complete()

    def _parse(self, data: bytes) -> None:
        while data:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as offer:
                # The parser takes what follows for the other protocol, hence it reads the same request once more without the offer.
                data = self._head_without_offer() + data[offer.args[0] :]
            else:
                return

    def _head_without_offer(self) -> bytes:
        first = self.parser.get_method() + b" " + self.url + f" HTTP/{self.parser.get_http_version()}".encode()
        return b"\r\n".join([first, *(b"%s: %s" % header for header in self.headers if header[0] != b"upgrade"), b"\r\n"])

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _bound_time(self) -> None:
        if self._is_answering():
            self._end_waiting()
        elif self._late is None:
            # Uvicorn's own bound ends with each byte that comes.
            self._late = self.loop.call_later(self.head_seconds, self._cut)
            self._rest_ends = self.loop.time() + self.rest_seconds
        elif self._is_progress and not self._is_head:
            self._late.cancel()
            self._late = self.loop.call_at(min(self.loop.time() + self.head_seconds, self._rest_ends), self._cut)

    def _end_waiting(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _cut(self) -> None:
        self._refuse(408, "too-slow", f"The headers of a request may take {self.head_seconds:g} seconds.")

    def _refuse(self, status: int, kind: str, detail: str) -> None:
        """End the connection, with an answer if it can be taken for no other request's."""
        if self.transport.is_closing():
            return
        if self._is_answering():
            self.transport.abort()
            return
        if self._is_head:
            body = json.dumps({"type": f"urn:pakn:problem:{kind}", "status": status, "detail": detail, "errors": []}).encode()
            head = f"content-type: application/problem+json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
            self.transport.write(STATUS_LINE[status] + head.encode() + body)
        self.transport.close()


def server_config(app: Any, settings: HttpSettings, port: int) -> uvicorn.Config:
    """How the ASGI application `app` is served on this port."""
    return uvicorn.Config(
        app,
        host=settings.host,
        port=port,
        http=BoundedHttp,
        ws="none",
        log_config=None,
        access_log=False,
        # The library believes 127.0.0.1 by itself; here nobody is believed who is not named.
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=[str(network) for network in networks(settings.trusted_proxies)],
        lifespan="on",
        timeout_graceful_shutdown=5,
    )
