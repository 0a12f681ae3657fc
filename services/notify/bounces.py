"""Reads the bounces in the mailbox of the From address: which letters came back for good, so that no further one goes there.

A bounce counts only if it names the Message-ID of a letter of ours and the address that this letter went to. Whoever
writes to the mailbox cannot stop the letters of somebody else: the ids of letters are in nobody's hands but the recipient's.
"""

import contextlib
import email
import imaplib
import mailbox
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from flufl.bounce import scan_message

_MAX_BYTES = 1024 * 1024
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
    found = re.search(rb"^Message-ID:\s*<([0-9a-f-]{36})@" + re.escape(domain.encode()) + rb">", content, re.I | re.M)
    if found is None:
        return None
    try:
        permanent = scan_message(email.message_from_bytes(content))
    except (ValueError, LookupError, AttributeError, TypeError):
        # The detectors raise various errors on messages that no server writes; such a message is no bounce.
        return None
    addresses = frozenset(address.decode("ascii", "replace").strip("<> ").lower() for address in permanent)
    return Bounce(found[1].decode(), addresses) if addresses else None


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Where bounces arrive: the path of an mbox file, or `imaps://USER:PASSWORD@HOST/FOLDER` (percent-encoded)."""

    address: str

    def take(self) -> Iterator[bytes]:
        """Give each new message, and remove it (file) or mark it as seen (IMAP) when the next one is asked for.

        At most 200 messages, none larger than 1 MiB. Blocks; raises OSError when the mailbox cannot be reached or read.
        """
        yield from self._from_server() if self.address.startswith("imaps://") else self._from_file()

    def _from_file(self) -> Iterator[bytes]:
        try:
            box = mailbox.mbox(self.address, create=False)
            box.lock()
        except (mailbox.NoSuchMailboxError, mailbox.ExternalClashError) as error:
            raise OSError(f"the mailbox of bounces cannot be read now: {type(error).__name__}") from error
        try:
            for key in list(box.keys())[:_MAX_MESSAGES]:
                yield box.get_bytes(key)[:_MAX_BYTES]
                box.remove(key)
        finally:
            box.flush()
            box.close()

    def _from_server(self) -> Iterator[bytes]:
        url = urlsplit(self.address)
        try:
            with imaplib.IMAP4_SSL(
                url.hostname or "", url.port or 993, ssl_context=ssl.create_default_context(), timeout=_TIMEOUT_SECONDS
            ) as server:
                server.login(unquote(url.username or ""), unquote(url.password or ""))
                server.select(unquote(url.path.strip("/")) or "INBOX")
                _, (numbers, *_) = server.search(None, "UNSEEN", "SMALLER", str(_MAX_BYTES))
                for number in numbers.split()[:_MAX_MESSAGES]:
                    _, parts = server.fetch(number.decode(), "(BODY.PEEK[])")
                    yield b"".join(part[1] for part in parts if isinstance(part, tuple))
                    with contextlib.suppress(imaplib.IMAP4.readonly):
                        server.store(number.decode(), "+FLAGS", "\\Seen")
        except imaplib.IMAP4.error as error:
            raise OSError(f"the mailbox of bounces refuses: {type(error).__name__}") from error
