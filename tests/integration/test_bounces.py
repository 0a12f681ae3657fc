"""Letters that come back: they are recorded, and no further letter goes to that address."""

from email.utils import parseaddr
from pathlib import Path

import pytest

from pakn.engine.received import Tombstone
from services.notify import bounces, commands
from services.notify.bounces import Mailbox
from tests.support.bounces import bounce, put, subjects
from tests.support.letters import read
from tests.support.mail_world import MailServer, Notify, contact, submitted


def bounced(path: Path, address: str, message_id: str, action: str = "failed") -> Mailbox:
    """A mailbox at `path` with one more bounce in it."""
    put(path, bounce(address, message_id, action))
    return Mailbox(str(path))


async def test_no_further_letter_goes_to_an_address_from_which_one_came_back(
    notify: Notify, server: MailServer, tmp_path: Path
) -> None:
    await notify.take(contact(), submitted())
    await notify.tick()
    (sent,) = server.message_ids()
    box = bounced(tmp_path / "mbox", "A@example.org", sent)
    await notify.mailer.read_bounces(box)
    assert subjects(tmp_path / "mbox") == []
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
    await notify.mailer.read_bounces(bounced(tmp_path / "mbox", address, message_id or sent, action))
    await notify.take(contact(2), submitted(2))
    await notify.tick()
    assert await notify.states() == ["sent", "sent"]


async def test_an_operator_who_sends_again_believes_in_the_address(notify: Notify, server: MailServer, tmp_path: Path) -> None:
    await notify.take(contact(), submitted())
    await notify.tick()
    (row,) = await notify.letters()
    await notify.mailer.read_bounces(bounced(tmp_path / "mbox", "a@example.org", server.message_ids()[0]))
    assert await commands.settle_letters(notify.settings, [row["_id"]], "resend", notify.time)
    await notify.tick()
    assert await notify.states() == ["sent"]


async def test_a_mailbox_that_is_not_there_is_an_error_of_its_own(notify: Notify, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="mailbox of bounces"):
        await notify.mailer.read_bounces(Mailbox(str(tmp_path / "none")))


@pytest.mark.parametrize("content", [b"", b"\xff\x00\n\n", b"Message-ID: <00000000-0000-0000-0000-000000000000@pakn.example>\n\nx"])
def test_what_is_no_bounce_is_read_as_none(content: bytes) -> None:
    assert bounces.read(content, "pakn.example") is None


async def test_a_bounce_of_a_letter_that_is_not_ours_stays_in_the_mailbox(
    notify: Notify, server: MailServer, tmp_path: Path
) -> None:
    """Another system may send from the same domain, with ids of the same form."""
    await notify.take(contact(), submitted())
    await notify.tick()
    box = bounced(tmp_path / "mbox", "a@example.org", "<00000000-0000-0000-0000-000000000000@pakn.example>")
    for _ in range(2):
        bounced(tmp_path / "mbox", "a@example.org", server.message_ids()[0])
    await notify.mailer.read_bounces(box)
    assert (tmp_path / "mbox").read_bytes().count(b"Message-ID: ") == 1
    assert await notify.states() == ["failed"]


async def test_an_erased_sender_leaves_no_digest_of_his_address(notify: Notify, server: MailServer, tmp_path: Path) -> None:
    """The digest outlived `pakn erase`, and who guesses an address can compare it."""
    await notify.take(contact(), submitted(), contact(2, "b@example.org"), submitted(2))
    await notify.tick()
    for letter in map(read, server.mailbox):
        await notify.mailer.read_bounces(bounced(tmp_path / "mbox", parseaddr(str(letter["To"]))[1], str(letter["Message-ID"])))
    assert await notify.store.bounced(["a@example.org", "b@example.org"]) == {"a@example.org", "b@example.org"}
    await notify.take(Tombstone())
    assert await notify.store.bounced(["a@example.org", "b@example.org"]) == {"b@example.org"}
    assert await notify.database["bounced_addresses"].count_documents({}) == 1


async def test_a_bounce_is_forgotten_after_a_year(notify: Notify) -> None:
    indexes = await notify.database["bounced_addresses"].index_information()
    assert indexes["at_1"]["expireAfterSeconds"] == 365 * 24 * 3600
