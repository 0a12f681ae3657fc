"""A virus scanner, where one is set: a clamd, spoken to in its own protocol.

Source: clamd(8), the command INSTREAM.
"""

import asyncio
import contextlib
from typing import Final

from pakn.errors import TryAgain
from services.intake.files.verdict import Refusal

_PIECE: Final = 64 * 1024
_MAX_ANSWER: Final = 1024

INFECTED: Final = Refusal("file_not_safe", "the virus scanner found something in the file; clean your device and send another file")


class ScannerAway(TryAgain):
    """The scanner that is set cannot be reached or does not answer as one. A file is not taken without it."""


class Scanner:
    """Scans files by the clamd at `address`, HOST:PORT or the path of its socket, in so many `seconds` for each."""

    def __init__(self, address: str, seconds: float = 30) -> None:
        self._address = address
        self._seconds = seconds

    async def scan(self, content: bytes) -> Refusal | None:
        """Why this content is not taken; none when the scanner finds nothing in it. Raises ScannerAway."""
        try:
            async with asyncio.timeout(self._seconds):
                answer = await self._ask(content)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise ScannerAway(f"clamd at {self._address} does not answer: {type(error).__name__}") from None
        if answer.endswith(b" OK"):
            return None
        if answer.endswith(b" FOUND"):
            return INFECTED
        # Such as a file larger than its StreamMaxLength: nobody has looked at all of it.
        raise ScannerAway(f"clamd at {self._address} did not scan a file: {answer.decode(errors='replace')}")

    async def _ask(self, content: bytes) -> bytes:
        reader, writer = await self._connect()
        try:
            with contextlib.suppress(ConnectionError):
                # A scanner that has seen enough answers and closes before all is sent.
                writer.write(b"zINSTREAM\0")
                for start in range(0, len(content), _PIECE):
                    piece = content[start : start + _PIECE]
                    writer.write(len(piece).to_bytes(4, "big") + piece)
                    await writer.drain()
                writer.write(bytes(4))
                await writer.drain()
            return (await reader.readuntil(b"\0"))[:-1].strip()
        finally:
            writer.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._address.startswith("/"):
            return await asyncio.open_unix_connection(self._address, limit=_MAX_ANSWER)
        host, _, port = self._address.rpartition(":")
        return await asyncio.open_connection(host.strip("[]"), int(port), limit=_MAX_ANSWER)
