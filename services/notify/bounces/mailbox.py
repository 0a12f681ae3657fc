"""What a mailbox of bounces is to its reader, whatever keeps it."""

from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias

# A look takes so many messages and so many bytes, the next look goes on behind them.
MAX_MESSAGES: Final = 200
MAX_LOOK: Final = 16 * 1024 * 1024
MAX_BYTES: Final = 256 * 1024
# What becomes of a message: it leaves the mailbox, it stays there for others, or it is to be read again.
Fate: TypeAlias = Literal["taken", "left", "again"]


class Position(NamedTuple):
    """How far a mailbox has been read. `mark` tells whether `number` still means the same place.

    Of a file: the number of messages at its head, and the digest of the last. Of IMAP: the last UID, and UIDVALIDITY.
    """

    number: int = 0
    mark: str = ""


class Message(NamedTuple):
    """A message, at most its first 256 KiB, and its key: the index in its file, or the UID."""

    key: int
    content: bytes


class Look(NamedTuple):
    """New messages of a mailbox, those behind `start`."""

    start: Position
    messages: list[Message]


class Mailbox(Protocol):
    """Where bounces arrive. Both methods block; they raise OSError when the mailbox cannot be reached, read or written."""

    @property
    def name(self) -> str:
        """What tells it from other mailboxes; without a password."""
        ...

    def look(self, position: Position) -> Look:
        """Copy the messages behind `position`; all of them if that place is gone. Nothing is held or changed."""
        ...

    def settle(self, look: Look, fates: Sequence[Fate]) -> Position:
        """Take the messages out that are to be taken (on IMAP: mark them as seen), and tell up to where the mailbox was read.

        `fates` are those of the first messages of the look; the others are looked at again, as is what follows an "again".
        """
        ...


def settled(look: Look, fates: Iterable[Fate]) -> list[tuple[Message, Fate]]:
    """The messages at the head of a look that nothing is to be read of again."""
    return list(takewhile(lambda row: row[1] != "again", zip(look.messages, fates, strict=False)))


def taken(look: Look, fates: Iterable[Fate]) -> list[Message]:
    """The messages of a look that are to leave the mailbox."""
    return [message for message, fate in zip(look.messages, fates, strict=False) if fate == "taken"]
