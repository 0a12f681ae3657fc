"""An IMAP server with one folder, which knows the commands that the reader of bounces gives."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class ImapServer:
    """`messages` by UID, as numbered under `validity`.

    `seen` are the UIDs with that flag, and `given` those that were read, in their order.
    """

    def __init__(self, messages: dict[int, bytes]) -> None:
        self.messages = messages
        self.validity = 7
        self.seen: set[int] = set()
        self.given: list[int] = []
        self.commands: list[str] = []

    @asynccontextmanager
    async def listening(self, context: ssl.SSLContext) -> AsyncIterator[int]:
        """Listen on a free port, with TLS from the first byte."""
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0, ssl=context)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* OK ready\r\n")
        while line := (await reader.readline()).decode().strip():
            tag, command = line.split(" ", 1)
            self.commands.append(command)
            for answer in self._answers(command):
                writer.write(answer + b"\r\n")
            writer.write(f"{tag} OK done\r\n".encode())
        writer.close()

    def _answers(self, command: str) -> list[bytes]:
        if command == "CAPABILITY":
            return [b"* CAPABILITY IMAP4rev1"]
        if command.startswith("SELECT"):
            return [f"* {len(self.messages)} EXISTS".encode(), f"* OK [UIDVALIDITY {self.validity}] valid".encode()]
        if found := re.fullmatch(r"UID SEARCH UNSEEN SMALLER \d+ UID (\d+):\*", command):
            first = min(int(found[1]), max(self.messages, default=0))
            uids = [str(uid) for uid in self.messages if uid >= first and uid not in self.seen]
            # RFC 3501 allows an answer without the line, and servers use that.
            return [f"* SEARCH {' '.join(uids)}".encode()] if uids else []
        if found := re.fullmatch(r"UID FETCH (\d+) \(BODY\.PEEK\[\]\)", command):
            self.given.append(uid := int(found[1]))
            content = self.messages[uid]
            return [f"* {uid} FETCH (UID {uid} BODY[] {{{len(content)}}}\r\n".encode() + content + b")"]
        if found := re.fullmatch(r"UID STORE (\d+) \+FLAGS \(\\Seen\)", command):
            self.seen.add(int(found[1]))
        return []
