"""The mail server of a benchmark: speaks SMTP over a socket, takes every letter and keeps nothing but its Message-ID.

A mail server's own work is no part of the engine, so it does as little as SMTP allows.
"""

import re
from asyncio import StreamReader, StreamWriter
from collections import Counter

_MESSAGE_ID = re.compile(rb"^Message-ID: *(<[^>]+>)", re.MULTILINE | re.IGNORECASE)


async def take_letters(counts: Counter[str], reader: StreamReader, writer: StreamWriter) -> None:
    """Serve one connection; count each letter by its Message-ID."""
    writer.write(b"220 bench\r\n")
    while command := await reader.readline():
        if command[:4].upper() == b"DATA":
            writer.write(b"354 go on\r\n")
            found = _MESSAGE_ID.search(await reader.readuntil(b"\r\n.\r\n"))
            counts[found[1].decode() if found else "none"] += 1
        writer.write(b"250 OK\r\n")
    writer.close()
