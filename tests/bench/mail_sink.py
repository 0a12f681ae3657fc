"""The mail server of a benchmark: speaks SMTP over a socket, takes every letter and keeps nothing but its Message-ID.

`engine.py` listens with it. A mail server's own work is no part of the engine, so it does as little as SMTP allows.
"""

import asyncio
import re
from collections import Counter

_MESSAGE_ID = re.compile(rb"^Message-ID: *(<[^>]+>)", re.MULTILINE | re.IGNORECASE)


class MailSink(asyncio.Protocol):
    """An SMTP server that takes every letter and counts it by its Message-ID; `counts` is shared by all connections."""

    def __init__(self, counts: Counter[str]) -> None:
        self._counts = counts
        self._buffer = bytearray()
        self._in_data = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(b"220 bench\r\n")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while True:
            end, size = (b"\r\n.\r\n", 5) if self._in_data else (b"\r\n", 2)
            at = self._buffer.find(end)
            if at < 0:
                return
            line = bytes(self._buffer[:at])
            del self._buffer[: at + size]
            self._transport.write(self._answer(line))

    def _answer(self, line: bytes) -> bytes:
        if self._in_data:
            found = _MESSAGE_ID.search(line)
            self._counts[found[1].decode() if found else "none"] += 1
            self._in_data = False
        elif line[:4].upper() == b"DATA":
            self._in_data = True
            return b"354 go on\r\n"
        return b"250 OK\r\n"
