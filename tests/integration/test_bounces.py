"""Letters that come back: they are recorded, and no further letter goes to that address."""

import mailbox
from pathlib import Path

import pytest

from services.notify import bounces, commands
from services.notify.bounces import Mailbox
from tests.support.mail_world import MailServer, Notify, contact, submitted

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


def put(path: Path, address: str, message_id: str, action: str = "failed") -> Mailbox:
    """A mailbox at `path` with one more bounce in it."""
    box = mailbox.mbox(path)
    box.add(_BOUNCE.format(address=address, message_id=message_id, action=action).encode())
    box.close()
    return Mailbox(str(path))


async def test_no_further_letter_goes_to_an_address_from_which_one_came_back(
    notify: Notify, server: MailServer, tmp_path: Path
) -> None:
    await notify.take(contact(), submitted())
    await notify.tick()
    (sent,) = server.message_ids()
    box = put(tmp_path / "mbox", "A@example.org", sent)
    await notify.mailer.read_bounces(box)
    assert len(mailbox.mbox(tmp_path / "mbox")) == 0
    assert await notify.states() == ["failed"]
    await notify.take(contact(2), submitted(2))
    await notify.take(contact(3, "b@example.org"), submitted(3))
    await notify.tick()
    assert await notify.states() == ["failed", "sent", "undeliverable"]
    # The first outcome was announced before the letter came back.
    assert sorted(notify.outcomes()) == ["NotificationFailed", "NotificationFailed", "NotificationSent", "NotificationSent"]


@pytest.mark.parametrize(
    ("address", "message_id", "action"),
    [
        ("a@example.org", "<00000000-0000-0000-0000-000000000000@pakn.example>", "failed"),
        ("other@example.org", None, "failed"),
        ("a@example.org", None, "delayed"),
    ],
    ids=["of no letter of ours", "of another address", "a delay"],
)
async def test_what_proves_nothing_stops_no_letter(
    notify: Notify, server: MailServer, tmp_path: Path, address: str, message_id: str | None, action: str
) -> None:
    await notify.take(contact(), submitted())
    await notify.tick()
    (sent,) = server.message_ids()
    await notify.mailer.read_bounces(put(tmp_path / "mbox", address, message_id or sent, action))
    await notify.take(contact(2), submitted(2))
    await notify.tick()
    assert await notify.states() == ["sent", "sent"]


async def test_an_operator_who_sends_again_believes_in_the_address(notify: Notify, server: MailServer, tmp_path: Path) -> None:
    await notify.take(contact(), submitted())
    await notify.tick()
    (row,) = await notify.letters()
    await notify.mailer.read_bounces(put(tmp_path / "mbox", "a@example.org", server.message_ids()[0]))
    assert await commands.settle_letters(notify.settings, [row["_id"]], "resend", notify.time)
    await notify.tick()
    assert await notify.states() == ["sent"]


async def test_a_mailbox_that_is_not_there_is_an_error_of_its_own(notify: Notify, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="mailbox of bounces"):
        await notify.mailer.read_bounces(Mailbox(str(tmp_path / "none")))


@pytest.mark.parametrize("content", [b"", b"\xff\x00\n\n", b"Message-ID: <00000000-0000-0000-0000-000000000000@pakn.example>\n\nx"])
def test_what_is_no_bounce_is_read_as_none(content: bytes) -> None:
    assert bounces.read(content, "pakn.example") is None
