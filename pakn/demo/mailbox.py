"""The mail catcher of the demo: an SMTP server that keeps each letter as a file and counts them by Message-ID."""

import email
import re
from collections import Counter
from email.message import Message
from pathlib import Path
from typing import Any, Self

from aiosmtpd.controller import Controller

from pakn.local.child_process import free_ports

_LINK = re.compile(r"/follow/(?P<code>[A-Z0-9.]+)/open\?secret=(?P<secret>\w+)")


class Mailbox:
    """Everything that was delivered. `counts` has the number of copies by Message-ID, `secrets` the look-up secret by code.

    It takes letters, in a thread of its own, while its block runs.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_ports(1)[0]
        self.counts: Counter[str] = Counter()
        self.secrets: dict[str, str] = {}
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        """Keep one letter; the name and the arguments are those of the SMTP server's library."""
        message: Message = email.message_from_bytes(envelope.content)
        message_id = str(message["Message-ID"])
        self.counts[message_id] += 1
        part = message.get_payload(0) if message.is_multipart() else message
        text = part.get_payload(decode=True) if isinstance(part, Message) else None
        if link := _LINK.search(text.decode(errors="replace") if isinstance(text, bytes) else ""):
            self.secrets[link["code"]] = link["secret"]
        name = "".join(character if character.isalnum() else "_" for character in message_id)[:80]
        (self.folder / f"{name}.{self.counts[message_id]}.eml").write_bytes(envelope.content)
        return "250 OK"
