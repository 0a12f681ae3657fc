"""The seam between the mailer and the ways by which letters go: what a channel does, and what it says became of a letter."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from prometheus_client import Gauge

from schemas.values import LetterChannel
from services.notify.domain import Case, Contact, Letter, Result


class Attempt(NamedTuple):
    """The result of a hand-over. `reason` has codes only, since a server's words may repeat the address."""

    result: Result
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """A letter as it is handed over. `id` is the same at each try; `parts` is what a text message is charged as."""

    id: str
    recipient: str
    content: bytes
    parts: int | None = None


@dataclass(frozen=True, slots=True)
class Server:
    """The server of a channel in messages and logs; `refuses` is 1 while it refuses everything."""

    name: str
    refuses: Gauge
    says_refuses: str
    says_takes: str


class Channel(Protocol):
    """One way to the senders. `size` letters are handed over at once; `parts_per_day` bounds what a day may cost (0: unbounded)."""

    name: LetterChannel
    server: Server
    size: int
    parts_per_day: int

    def address(self, contact: Contact) -> str | None:
        """Where a letter goes; none if this sender cannot be reached by this channel."""
        ...

    def counted_as(self, address: str) -> str:
        """By what an address counts for the bound of a day: one text for all spellings of it."""
        ...

    def bound(self, contact: Contact, /) -> int:
        """How many letters a day go to the address of `contact`; 0: no bound."""
        ...

    def compose(self, letter: Letter, case: Case, now: datetime, /) -> Message:
        """Write the letter; `now` is the machine's time. Raises CannotCompose with the reason."""
        ...

    async def hand_over(self, message: Message) -> Attempt:
        """Give a letter to the server. Uncertain only if nobody can know whether the server took it. Ends within the lease."""
        ...

    async def close(self) -> None:
        """Close what is open."""
        ...
