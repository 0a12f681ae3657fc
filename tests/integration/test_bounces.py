"""Letters that come back: they are recorded, and no further letter goes to that address."""

from collections.abc import Awaitable, Callable
from email.utils import parseaddr
from pathlib import Path
from typing import Any

import pytest

from pakn.engine.received import Tombstone
from pakn.mailboxes import MboxFile
from services.notify import commands
from services.notify.bounces.mailbox import Position
from services.notify.bounces.mbox import MboxMailbox
from services.notify.bounces.positions import Positions
from tests.support.bounces import bounce, put, subjects
from tests.support.letters import read
from tests.support.mail_world import MailServer, Notify, contact, submitted


def bounced(path: Path, address: str, message_id: str, action: str = "failed") -> Path:
    """The mailbox at `path` with one more bounce in it."""
    put(path, bounce(address, message_id, action))
    return path


async def test_no_further_letter_goes_to_an_address_from_which_one_came_back(
    notify: Notify, server: MailServer, tmp_path: Path
) -> None:
    await notify.take(contact(), submitted())
    await notify.tick()
    (sent,) = server.message_ids()
    box = bounced(tmp_path / "mbox", "A@example.org", sent)
    await notify.collect_bounces(box)
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
        ("a@example.org", "<00000000-0000-0000-0000-000000000000.{token}@pakn.example>", "failed"),
        ("a@example.org", "<{letter}.00000000000000000000000000000000@pakn.example>", "failed"),
        ("a@example.org", "<{letter}@pakn.example>", "failed"),
        ("other@example.org", None, "failed"),
        ("a@example.org", None, "delayed"),
    ],
    ids=["of no letter of ours", "with another token", "without a token", "of another address", "a delay"],
)
async def test_what_proves_nothing_stops_no_letter(
    notify: Notify, server: MailServer, tmp_path: Path, address: str, message_id: str | None, action: str
) -> None:
    await notify.take(contact(), submitted())
    await notify.tick()
    (sent,) = server.message_ids()
    letter, _, token = sent.strip("<>").partition("@")[0].partition(".")
    await notify.collect_bounces(
        bounced(tmp_path / "mbox", address, (message_id or sent).format(letter=letter, token=token), action)
    )
    await notify.take(contact(2), submitted(2))
    await notify.tick()
    assert await notify.states() == ["sent", "sent"]


async def test_an_operator_who_sends_again_believes_in_the_address(notify: Notify, server: MailServer, tmp_path: Path) -> None:
    await notify.take(contact(), submitted())
    await notify.tick()
    (row,) = await notify.letters()
    await notify.collect_bounces(bounced(tmp_path / "mbox", "a@example.org", server.message_ids()[0]))
    assert await commands.settle_letters(notify.settings, [row["_id"]], "resend", notify.time)
    await notify.tick()
    assert await notify.states() == ["sent"]


async def test_a_mailbox_that_is_not_there_is_an_error_of_its_own(notify: Notify, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="mailbox of bounces"):
        await notify.collect_bounces(tmp_path / "none")


async def test_a_bounce_of_a_letter_that_is_not_ours_stays_in_the_mailbox(
    notify: Notify, server: MailServer, tmp_path: Path
) -> None:
    """Another system may send from the same domain, with ids of the same form."""
    await notify.take(contact(), submitted())
    await notify.tick()
    box = bounced(tmp_path / "mbox", "a@example.org", "<00000000-0000-0000-0000-000000000000@pakn.example>")
    for _ in range(2):
        bounced(tmp_path / "mbox", "a@example.org", server.message_ids()[0])
    await notify.collect_bounces(box)
    assert (tmp_path / "mbox").read_bytes().count(b"Message-ID: ") == 1
    assert await notify.states() == ["failed"]


async def test_an_erased_sender_leaves_no_digest_of_his_address(notify: Notify, server: MailServer, tmp_path: Path) -> None:
    """The digest outlived `pakn erase`, and who guesses an address can compare it."""
    await notify.take(contact(), submitted(), contact(2, "b@example.org"), submitted(2))
    await notify.tick()
    for letter in map(read, server.mailbox):
        await notify.collect_bounces(bounced(tmp_path / "mbox", parseaddr(str(letter["To"]))[1], str(letter["Message-ID"])))
    assert await notify.store.bounced(["a@example.org", "b@example.org"]) == {"a@example.org", "b@example.org"}
    await notify.take(Tombstone())
    assert await notify.store.bounced(["a@example.org", "b@example.org"]) == {"b@example.org"}
    assert await notify.database["bounced_addresses"].count_documents({}) == 1


class Meanwhile:
    """A collection before whose next write of this name something else happens."""

    def __init__(self, collection: Any, write: str, happens: Callable[[], Awaitable[object]]) -> None:
        self._collection = collection
        self._write = write
        self._happens: Callable[[], Awaitable[object]] | None = happens

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._collection, name)
        if name != self._write:
            return method

        async def write(*arguments: Any, **options: Any) -> Any:
            happens, self._happens = self._happens, None
            if happens:
                await happens()
            return await method(*arguments, **options)

        return write


@pytest.mark.parametrize("first", ["bounce", "erasure"])
async def test_a_sender_who_is_erased_while_a_bounce_is_recorded_leaves_no_digest(
    notify: Notify, server: MailServer, tmp_path: Path, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stayed a year when the erasure looked for it before it was there."""
    await notify.take(contact(), submitted())
    await notify.tick()
    box = bounced(tmp_path / "mbox", "a@example.org", server.message_ids()[0])

    async def erase() -> None:
        await notify.take(Tombstone())

    async def collect() -> None:
        await notify.collect_bounces(box)

    if first == "bounce":
        monkeypatch.setattr(notify.store, "_bounced", Meanwhile(notify.store._bounced, "update_one", erase))
        await collect()
    else:
        monkeypatch.setattr(notify.store, "_cases", Meanwhile(notify.store._cases, "bulk_write", collect))
        await erase()
    assert await notify.states() == ["failed"]
    assert await notify.database["bounced_addresses"].count_documents({}) == 0


async def test_a_bounce_that_is_faster_than_the_letters_beside_it_counts(
    notify: Notify, server: MailServer, tmp_path: Path
) -> None:
    """It was removed unread, since its letter counts as sent only with the slowest of its group; later letters still went there."""
    mbox = tmp_path / "mbox"
    left: list[list[str]] = []

    async def bounce_first_letter() -> None:
        if server.mailbox and not left:
            # The second letter is still on its way.
            (sent,) = map(read, server.mailbox)
            put(mbox, b"Subject: before\n\n")
            bounced(mbox, parseaddr(str(sent["To"]))[1], str(sent["Message-ID"]))
            put(mbox, b"Subject: behind\n\n")
            await notify.collect_bounces(mbox)
            left.append(subjects(mbox))

    server.before["data"] = bounce_first_letter
    await notify.take(contact(), submitted(), contact(2, "b@example.org"), submitted(2))
    await notify.tick()
    assert left == [["before", "Undelivered Mail Returned to Sender", "x", "behind"]]
    assert await notify.states() == ["sent", "sent"]
    await notify.collect_bounces(mbox)
    assert subjects(mbox) == ["before", "behind"]
    assert await notify.states() == ["failed", "sent"]


async def test_a_process_that_starts_reads_no_message_again(notify: Notify, tmp_path: Path) -> None:
    """Mail that takes seconds to read took them at each start."""
    put(tmp_path / "mbox", *[b"Subject: 1\n\n"] * 3)
    await notify.collect_bounces(tmp_path / "mbox")
    mailbox = MboxMailbox(MboxFile(str(tmp_path / "mbox")))
    position = await Positions(notify.database).position(mailbox.name)
    assert position.number == 3
    assert mailbox.look(position).messages == []
    assert await Positions(notify.database).position("another") == Position()


async def test_a_bounce_is_forgotten_after_a_year(notify: Notify) -> None:
    indexes = await notify.database["bounced_addresses"].index_information()
    assert indexes["at_1"]["expireAfterSeconds"] == 365 * 24 * 3600
