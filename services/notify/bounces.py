"""Reads the bounces in the mailbox of the From address: which letters came back for good, so that no further one goes there.

A bounce counts only if it names the Message-ID of a letter of ours and the address that this letter went to. Whoever
writes to the mailbox cannot stop the letters of somebody else: the ids of letters are in nobody's hands but the recipient's.
"""

import contextlib
import email
import hashlib
import imaplib
import mailbox
import re
import ssl
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from flufl.bounce import scan_message

_MAX_BYTES = 256 * 1024
# The parser looks in each line for the boundaries of all parts around it, so parts within parts would take it minutes.
_MAX_BOUNDARIES = 20
_MAX_MESSAGES = 200
_TIMEOUT_SECONDS = 30.0


class Bounce(NamedTuple):
    """A letter that came back for good: its id, and the addresses that the mail server names, in lower case."""

    letter_id: str
    addresses: frozenset[str]


def read(content: bytes, domain: str) -> Bounce | None:
    """The bounce in a message of the mailbox; none for anything else, and for a delay of which the server goes on trying.

    `domain` is that of our Message-IDs. Source: RFC 3464 (delivery status notifications), and the forms of older servers that
    `flufl.bounce` knows.
    """
    found = re.search(rb"^(?i:Message-ID):\s*<([0-9a-f-]{36})@(?i:" + re.escape(domain.encode()) + rb")>", content, re.M)
    if found is None or content.lower().count(b"boundary") > _MAX_BOUNDARIES:
        return None
    try:
        permanent = scan_message(email.message_from_bytes(content))
        addresses = frozenset(address.decode("ascii", "replace").strip("<> ").lower() for address in permanent)
    except Exception:
        # Anybody can write to the mailbox, and the parser and the detectors raise whatever a crafted message brings about, such
        # as RecursionError for parts within parts. Such a message is no bounce, and must not end the process at each look.
        return None
    return Bounce(found[1].decode(), addresses) if addresses else None


@dataclass(slots=True)
class Message:
    """A message of the mailbox. Its reader sets `is_ours` for a bounce of a letter of ours; any other stays as it is."""

    content: bytes
    is_ours: bool = False


class _Looked(NamedTuple):
    """The messages at the head of an mbox file that have been looked at: how many, and the digest of the last."""

    number: int = 0
    last: str = ""


@dataclass(slots=True)
class Mailbox:
    """Where bounces arrive: the path of an mbox file, or `imaps://USER:PASSWORD@HOST/FOLDER` (percent-encoded).

    It keeps in memory which messages have been looked at, so that others' mail hides no bounce and is read once a process.
    """

    address: str
    _looked: _Looked = field(default=_Looked(), init=False)
    # UIDVALIDITY of the folder, and the last UID that has been looked at.
    _looked_on_server: tuple[bytes | None, int] = field(default=(None, 0), init=False)

    def take(self) -> Generator[Message]:
        """Give each new message. One that `is_ours` when the next is asked for is removed (file) or marked as seen (IMAP).

        At most 200 messages, the next 200 at the next call; of a file the first 256 KiB of each, of IMAP none larger. Blocks;
        raises OSError when the mailbox cannot be reached or read.
        """
        yield from self._from_server() if self.address.startswith("imaps://") else self._from_file()

    def _from_file(self) -> Iterator[Message]:
        with _opened(self.address) as box:
            keys = list(box.keys())
            looked = self._looked
            # Somebody else may have removed messages, and then the number says nothing.
            if looked.number > len(keys) or (looked.number and _digest(_content(box, keys[looked.number - 1])) != looked.last):
                looked = _Looked()
            for key in keys[looked.number : looked.number + _MAX_MESSAGES]:
                message = Message(_content(box, key))
                yield message
                if message.is_ours:
                    box.remove(key)
                else:
                    looked = _Looked(looked.number + 1, _digest(message.content))
        # Only now the removals are written.
        self._looked = looked

    def _from_server(self) -> Iterator[Message]:
        url = urlsplit(self.address)
        try:
            with imaplib.IMAP4_SSL(
                url.hostname or "", url.port or 993, ssl_context=ssl.create_default_context(), timeout=_TIMEOUT_SECONDS
            ) as server:
                server.login(_quoted(unquote(url.username or "")), unquote(url.password or ""))
                server.select(_quoted(unquote(url.path.strip("/")) or "INBOX"))
                validity: bytes | None = server.response("UIDVALIDITY")[1][0]
                last = self._looked_on_server[1] if self._looked_on_server[0] == validity else 0
                _, (found, *_) = server.uid("SEARCH", "UNSEEN", "SMALLER", str(_MAX_BYTES), "UID", f"{last + 1}:*")
                # Some servers leave out the answer when nothing is found. `*` finds the last message, whatever its UID.
                uids = sorted(uid for uid in map(int, (found or b"").split()) if uid > last)
                for uid in uids[:_MAX_MESSAGES]:
                    _, parts = server.uid("FETCH", str(uid), "(BODY.PEEK[])")
                    message = Message(b"".join(part[1] for part in parts if isinstance(part, tuple)))
                    yield message
                    if message.is_ours:
                        server.uid("STORE", str(uid), "+FLAGS", "(\\Seen)")
                    self._looked_on_server = (validity, uid)
        except (imaplib.IMAP4.error, ValueError) as error:
            raise OSError(f"the mailbox of bounces refuses: {type(error).__name__}") from error


@contextlib.contextmanager
def _opened(path: str) -> Iterator[mailbox.mbox]:
    """The mbox file at `path`, locked; what was removed is written at the end. Raises OSError."""
    try:
        box = mailbox.mbox(path, create=False)
        try:
            box.lock()
            yield box
        finally:
            box.close()
    except mailbox.Error as error:
        raise OSError(f"the mailbox of bounces cannot be read now: {type(error).__name__}") from error


def _content(box: mailbox.mbox, key: str) -> bytes:
    with contextlib.closing(box.get_file(key)) as file:
        return file.read(_MAX_BYTES)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _quoted(text: str) -> str:
    """An IMAP string; `imaplib` quotes passwords only."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
