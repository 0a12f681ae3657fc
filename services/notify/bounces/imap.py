"""The mailbox of bounces as a folder of an IMAP server."""

import contextlib
import imaplib
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pakn.mailboxes import ImapFolder
from services.notify.bounces.mailbox import MAX_BYTES, MAX_LOOK, MAX_MESSAGES, Fate, Look, Message, Position, settled, taken

_TIMEOUT_SECONDS = 30.0
# The numbers of all unseen messages come in one line: here of a million of them, while the library takes 1 MB.
_MAX_LINE = 12 * 1024 * 1024
imaplib._MAXLINE = _MAX_LINE  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class ImapMailbox:
    """It passes over messages that are larger than 256 KiB or marked as seen. Each method is a connection of its own."""

    folder: ImapFolder

    @property
    def name(self) -> str:
        """The address without the password."""
        return f"imaps://{self.folder.username}@{self.folder.host}:{self.folder.port}/{self.folder.folder}"

    def look(self, position: Position) -> Look:
        """Copy the new messages."""
        with self._selected() as (server, validity):
            start = position if position.mark == validity else Position(0, validity)
            _, (found, *_) = server.uid("SEARCH", "UNSEEN", "SMALLER", str(MAX_BYTES), "UID", f"{start.number + 1}:*")
            # Some servers leave out the answer when nothing is found. `*` finds the last message, whatever its UID.
            uids = sorted(uid for uid in map(int, (found or b"").split()) if uid > start.number)
            messages: list[Message] = []
            room = MAX_LOOK
            for uid in uids[:MAX_MESSAGES]:
                _, parts = server.uid("FETCH", str(uid), "(BODY.PEEK[])")
                content = b"".join(part[1] for part in parts if isinstance(part, tuple))
                room -= len(content)
                if room < 0 and messages:
                    break
                messages.append(Message(uid, content))
        return Look(start, messages)

    def settle(self, look: Look, fates: Sequence[Fate]) -> Position:
        """Mark messages as seen. Raises OSError too if the server has numbered the messages anew meanwhile."""
        if gone := taken(look, fates):
            with self._selected() as (server, validity):
                if validity != look.start.mark:
                    raise OSError("the mailbox of bounces was numbered anew")
                for message in gone:
                    server.uid("STORE", str(message.key), "+FLAGS", "(\\Seen)")
        done = settled(look, fates)
        return Position(done[-1][0].key, look.start.mark) if done else look.start

    @contextlib.contextmanager
    def _selected(self) -> Iterator[tuple[imaplib.IMAP4_SSL, str]]:
        """A connection in the folder, and its UIDVALIDITY. Raises OSError."""
        at = self.folder
        context = ssl.create_default_context()
        try:
            with imaplib.IMAP4_SSL(at.host, at.port, ssl_context=context, timeout=_TIMEOUT_SECONDS) as server:
                server.login(_quoted(at.username), at.password.get_secret_value())
                server.select(_quoted(at.folder))
                validity: bytes | None = server.response("UIDVALIDITY")[1][0]
                yield server, (validity or b"").decode("ascii", "replace")
        except (imaplib.IMAP4.error, ValueError) as error:
            raise OSError(f"the mailbox of bounces refuses: {type(error).__name__}") from error


def _quoted(text: str) -> str:
    """An IMAP string; `imaplib` quotes passwords only."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
