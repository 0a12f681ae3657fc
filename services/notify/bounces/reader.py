"""Has messages read by a bounded child, so that one that is crafted costs only itself."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from pakn.engine.bounded_child import BoundedChild
from pakn.logs import logger
from services.notify.bounces import parser

log = logger(__name__)
_CPU_SECONDS = 60
_MAX_MEMORY = 256 * 1024 * 1024
_MAX_OUTPUT = 32 * 1024 * 1024


class Bounce(NamedTuple):
    """A letter that came back for good: its id and token, and the addresses that the mail server names, in lower case."""

    letter_id: str
    token: str
    addresses: frozenset[str]


class BounceReader:
    """Finds bounces among messages."""

    def __init__(self, domain: str, seconds: float = 30, program: str = parser.__file__) -> None:
        """`domain` is that of our Message-IDs, `seconds` of the machine are given to the messages of one look."""
        self._domain = domain
        self._seconds = seconds
        self._child = BoundedChild(Path(program), seconds, _CPU_SECONDS, _MAX_MEMORY, _MAX_OUTPUT)

    async def read(self, contents: Sequence[bytes]) -> list[Bounce | None]:
        """The bounce that each message is. At least one of them is read; those that time is lacking for are left out at the end.

        A message that ends the child, or that alone takes all the time, is no bounce.
        """
        ends = asyncio.get_running_loop().time() + self._seconds
        read: list[Bounce | None] = []
        while len(read) < len(contents) and (left := ends - asyncio.get_running_loop().time()) > 0:
            status, output, _ = await replace(self._child, seconds=left).run(_framed(contents[len(read) :]), self._domain)
            # What follows the last end of a line is a line that the child was in the midst of.
            read += map(_bounce, output.split(b"\n")[:-1])
            if status is None and read:
                # The time may have gone into the messages before the one in hand, which is the first of the next look.
                break
            if len(read) < len(contents):
                log.warning("message_of_mailbox_not_readable", size=len(contents[len(read)]))
                read.append(None)
        return read


def _framed(contents: Sequence[bytes]) -> Iterator[bytes]:
    for content in contents:
        yield len(content).to_bytes(4, "big") + content


def _bounce(line: bytes) -> Bounce | None:
    found = json.loads(line)
    if not found:
        return None
    letter_id, token = found[0].split(".")
    return Bounce(letter_id, token, frozenset(found[1]))
