"""A virus scanner, where one is set: a clamd, spoken to in its own protocol.

Source: clamd(8), the command INSTREAM.
"""

import asyncio
import contextlib
import hashlib
from collections import Counter
from typing import Final

from services.intake.files.verdict import NotNow, Refusal

_PIECE: Final = 64 * 1024
_MAX_ANSWER: Final = 1024
_ANSWER_SECONDS: Final = 5.0
# So long nobody waits again for a scanner that was found away.
_REST_SECONDS: Final = 10.0
_TOO_LONG: Final = b"not in time"
_CLOSED: Final = b"connection closed"
_HARMLESS: Final = b"harmless"
# A scanner that restarts ends the connections of files that are in order.
_TRIES: Final = 2
# So often one file may be what clamd was reading when it went away.
_MOST_LOSSES: Final = 3
_MOST_REMEMBERED: Final = 1000
_NO_ANSWER: Final = (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError)

INFECTED: Final = Refusal("file_not_safe", "the virus scanner found something in the file; clean your device and send another file")
NOT_CHECKED: Final = Refusal("file_not_checked", "the virus scanner could not check this file; send a smaller or simpler one")


class ScannerAway(NotNow):
    """The scanner that is set cannot be reached or does not answer as one. A file is not taken without it."""


class Scanner:
    """Scans files by the clamd at `address`, HOST:PORT or the path of its socket, in so many `seconds` for each.

    A clamd that was away is not asked again for some seconds, so that not every file waits for it in vain. A file with which it
    went away again and again is refused, since it would end each clamd that is started, and all files would wait for ever.
    """

    def __init__(self, address: str, seconds: float = 30) -> None:
        self._address = address
        self._seconds = seconds
        self._away_until = 0.0
        # By the digest of the content that clamd was reading.
        self._losses: Counter[bytes] = Counter()

    async def scan(self, content: bytes) -> Refusal | None:
        """Why this content is not taken; none when the scanner finds nothing in it. Raises ScannerAway."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._away_until:
            raise ScannerAway(f"clamd at {self._address} did not answer a moment ago")
        digest = hashlib.sha256(content).digest()
        if self._losses[digest] >= _MOST_LOSSES:
            return NOT_CHECKED
        if self._losses[digest]:
            # Only a scanner that works without this file can be lost to it.
            await self._check_it_works("it takes no harmless file")
        try:
            return await self._scan(content)
        except ScannerAway:
            self._note_loss(digest)
            raise

    async def _scan(self, content: bytes) -> Refusal | None:
        for _ in range(_TRIES):
            try:
                answer = await self._answer(content)
            except _NO_ANSWER as error:
                raise self._away(type(error).__name__) from None
            if answer.endswith(b" OK"):
                return None
            if answer.endswith(b" FOUND"):
                return INFECTED
            if answer == _TOO_LONG or b"size limit exceeded" in answer:
                # Nobody has looked at all of it, and a repetition ends alike.
                return NOT_CHECKED
            await self._check_it_works(answer.decode(errors="replace"))
        return NOT_CHECKED

    def _note_loss(self, digest: bytes) -> None:
        if len(self._losses) >= _MOST_REMEMBERED:
            self._losses.clear()
        self._losses[digest] += 1

    async def _check_it_works(self, otherwise: str) -> None:
        """Raise ScannerAway, with this reason, where clamd takes no harmless file."""
        try:
            if (await self._answer(_HARMLESS)).endswith(b" OK"):
                return
        except _NO_ANSWER as error:
            raise self._away(type(error).__name__) from None
        raise self._away(otherwise)

    def _away(self, why: str) -> ScannerAway:
        self._away_until = asyncio.get_running_loop().time() + _REST_SECONDS
        return ScannerAway(f"clamd at {self._address} does not scan files: {why}")

    async def _answer(self, content: bytes) -> bytes:
        """What clamd says of this content: `_TOO_LONG` when it is there and has not ended, `_CLOSED` when it ends without a word.

        Raises `_NO_ANSWER` when it is not there.
        """
        reader, writer = await asyncio.wait_for(self._connect(), min(self._seconds, _ANSWER_SECONDS))
        try:
            return await asyncio.wait_for(self._ask(content, reader, writer), self._seconds)
        except TimeoutError:
            # A file that keeps it busy is its sender's matter; a scanner that hangs is everybody's.
            await asyncio.wait_for(self._ping(), min(self._seconds, _ANSWER_SECONDS))
            return _TOO_LONG
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return _CLOSED
        finally:
            writer.close()

    async def _ping(self) -> None:
        reader, writer = await self._connect()
        try:
            writer.write(b"zPING\0")
            if await reader.readuntil(b"\0") != b"PONG\0":
                raise ConnectionError("it answers to PING with something else")
        finally:
            writer.close()

    @staticmethod
    async def _ask(content: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        async def send() -> None:
            with contextlib.suppress(ConnectionError):
                writer.write(b"zINSTREAM\0")
                for start in range(0, len(content), _PIECE):
                    piece = content[start : start + _PIECE]
                    writer.write(len(piece).to_bytes(4, "big") + piece)
                    await writer.drain()
                writer.write(bytes(4))
                await writer.drain()

        # A scanner that has seen enough answers and closes before all is sent, so the answer is read meanwhile.
        _, answer = await asyncio.gather(send(), reader.readuntil(b"\0"))
        return answer[:-1].strip()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._address.startswith("/"):
            return await asyncio.open_unix_connection(self._address, limit=_MAX_ANSWER)
        host, _, port = self._address.rpartition(":")
        return await asyncio.open_connection(host.strip("[]"), int(port), limit=_MAX_ANSWER)
