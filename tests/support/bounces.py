"""Bounces as a mail server writes them."""

import mailbox
import re
from pathlib import Path

_BOUNCE = """From: MAILER-DAEMON@mail.example
To: no-reply@pakn.example
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

This is the mail system at mail.example.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example

Final-Recipient: rfc822; {address}
Action: {action}
Status: 5.1.1

--b
Content-Type: text/rfc822-headers

Message-ID: {message_id}
Subject: x

--b--
"""


def bounce(address: str, message_id: str, action: str = "failed") -> bytes:
    """What a mail server writes of a letter with this Message-ID to this address."""
    return _BOUNCE.format(address=address, message_id=message_id, action=action).encode()


def nested(message_id: str, depth: int = 1100) -> bytes:
    """A message of parts within parts that names a letter of ours."""
    parts = "".join(f"--b{n}\nContent-Type: multipart/mixed; boundary=b{n + 1}\n\n" for n in range(depth))
    return f"Message-ID: {message_id}\nContent-Type: multipart/mixed; boundary=b0\n\n{parts}".encode()


def enclosed(message_id: str, depth: int = 2000) -> bytes:
    """A message within messages that names a letter of ours."""
    return f"Message-ID: {message_id}\n".encode() + b"Content-Type: message/rfc822\n\n" * depth


def slow(message_id: str) -> dict[str, bytes]:
    """Messages that name a letter of ours and hold the parser of Python 3.11 up for seconds, by what it is slow at."""
    room = 256 * 1024 - 2000
    head = f"Message-ID: {message_id}\n"
    levels = "".join(f"--b{n}\nContent-Type: multipart/mixed; boundary=b{n + 1}\n\n" for n in range(18))
    report = head + "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n"
    return {
        "parameters": (head + 'Content-Type: multipart/mixed; a="' + ";" * room).encode(),
        "blocks": (report + "Content-Type: message/delivery-status\n\n" + "a:b\n\n" * (room // 5)).encode(),
        "parts": (head + "Content-Type: multipart/mixed; boundary=b\n\n" + "--b\n\n" * (room // 5)).encode(),
        "levels": (head + "Content-Type: multipart/mixed; boundary=b0\n\n" + levels + "-\n" * (room // 2)).encode(),
    }


def put(path: Path, *messages: bytes) -> None:
    """Add messages to the mbox file at `path`."""
    box = mailbox.mbox(path)
    for message in messages:
        box.add(message)
    box.close()


def subjects(path: Path) -> list[str]:
    """The subjects of the messages in the mbox file at `path`; such a line of a message's part counts too."""
    return re.findall("^Subject: (.*)$", path.read_text(), re.M)
