"""The mailbox of bounces: what of it is read, what is taken out of it, and what stays for others."""

import asyncio
import mailbox
import ssl
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydantic import SecretStr

from pakn.mailboxes import ImapFolder, MboxFile
from services.notify.bounces import parser
from services.notify.bounces.imap import ImapMailbox
from services.notify.bounces.mailbox import Fate, Look, Mailbox, Position
from services.notify.bounces.mbox import MboxMailbox
from tests.support.bounces import bounce, nested, put, subjects
from tests.support.certificates import needs_certificate, trusted_certificate
from tests.support.imap_server import ImapServer

LETTER = "<01890a5d-ac96-774b-bcce-000000000001.0123456789abcdef0123456789abcdef@pakn.example>"


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    return trusted_certificate(tmp_path, monkeypatch)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mbox"


def other(number: int) -> bytes:
    return f"From: a@example.org\nSubject: {number}\n\nHello\n".encode()


@dataclass
class Reader:
    """Looks into a mailbox and takes every bounce for one of a letter of ours. It knows what was saved, as after a restart."""

    mailbox: Mailbox
    position: Position = field(default=Position())

    def look(self) -> int:
        """One look; how many messages were read."""
        look = self.mailbox.look(self.position)
        self.settle(look, *["taken" if parser.read(message.content, "pakn.example") else "left" for message in look.messages])
        return len(look.messages)

    def settle(self, look: Look, *fates: Fate) -> None:
        self.position = self.mailbox.settle(look, fates)


@pytest.fixture
def reader(path: Path) -> Reader:
    return Reader(MboxMailbox(MboxFile(str(path))))


def test_only_bounces_leave_the_file(path: Path, reader: Reader) -> None:
    """Every message was removed once, also people's mail to the From address."""
    put(path, other(1), bounce("a@example.org", LETTER), nested(LETTER), other(2))
    assert reader.look() == 4
    assert subjects(path) == ["1", "2"]


def test_a_message_that_stays_in_the_file_is_looked_at_once(path: Path, reader: Reader) -> None:
    put(path, other(1), bounce("a@example.org", LETTER), other(2))
    assert reader.look() == 3
    put(path, bounce("b@example.org", LETTER))
    assert [reader.look(), reader.look()] == [1, 0]
    assert subjects(path) == ["1", "2"]


def test_others_mail_hides_no_bounce_behind_it(path: Path, reader: Reader) -> None:
    put(path, *map(other, range(250)), bounce("a@example.org", LETTER))
    assert [reader.look() for _ in range(3)] == [200, 51, 0]
    assert len(subjects(path)) == 250


def test_large_mail_takes_a_look_a_bounded_memory(path: Path, reader: Reader) -> None:
    put(path, *[other(1) + b"x" * 300_000] * 70)
    assert [reader.look() for _ in range(3)] == [64, 6, 0]


def test_a_file_from_which_others_remove_mail_is_looked_at_from_its_beginning(path: Path, reader: Reader) -> None:
    put(path, *map(other, range(3)))
    assert reader.look() == 3
    path.write_bytes(b"")
    put(path, *map(other, range(3, 5)), bounce("a@example.org", LETTER))
    assert reader.look() == 3
    assert subjects(path) == ["3", "4"]


def test_what_was_not_read_is_looked_at_again(path: Path, reader: Reader) -> None:
    """A look may be out of time, or a letter be under way whose bounce is there already."""
    put(path, other(1), bounce("a@example.org", LETTER), other(2), bounce("b@example.org", LETTER), other(3))
    reader.settle(reader.mailbox.look(reader.position), "left", "again", "left", "taken")
    assert reader.look() == 3
    assert subjects(path) == ["1", "2", "3"]


def test_mail_arrives_while_messages_are_read(path: Path, reader: Reader) -> None:
    """The lock was held until the last message of a look was read, up to hours, in which the mail server could not deliver."""
    put(path, bounce("a@example.org", LETTER), other(1))
    look = reader.mailbox.look(reader.position)
    box = mailbox.mbox(path)
    box.lock()
    box.add(other(2))
    box.close()
    reader.settle(look, "taken", "left")
    assert reader.look() == 1
    assert subjects(path) == ["1", "2"]


@pytest.mark.parametrize("left", [1, 0])
def test_a_file_that_others_change_while_messages_are_read_loses_nothing(path: Path, reader: Reader, left: int) -> None:
    put(path, bounce("a@example.org", LETTER), bounce("b@example.org", LETTER), other(1))
    look = reader.mailbox.look(reader.position)
    path.write_bytes(b"")
    put(path, *[bounce("b@example.org", LETTER), other(1)][-left - 1 :])
    with pytest.raises(OSError, match="mailbox of bounces"):
        reader.settle(look, "taken", "taken", "left")
    assert reader.look() == left + 1
    assert subjects(path) == ["1"]


def test_a_file_that_is_locked_is_an_error_that_is_tried_again(path: Path, reader: Reader) -> None:
    put(path, bounce("a@example.org", LETTER))
    look = reader.mailbox.look(reader.position)
    box = mailbox.mbox(path)
    box.lock()
    with pytest.raises(OSError, match="mailbox of bounces"):
        reader.mailbox.look(reader.position)
    with pytest.raises(OSError, match="mailbox of bounces"):
        reader.settle(look, "taken")
    box.close()
    assert [reader.look(), reader.look()] == [1, 0]


@needs_certificate
async def test_on_imap_only_bounces_are_marked_and_each_message_is_read_once(certificate: ssl.SSLContext) -> None:
    bounced = bounce("a@example.org", LETTER)
    server = ImapServer({uid: other(uid) for uid in range(1, 203)} | {210: bounced, 211: other(211)})
    async with server.listening(certificate) as port:
        reader = Reader(ImapMailbox(ImapFolder("localhost", port, "pakn@example.org", SecretStr('a"b'), "Sent back")))
        assert [await asyncio.to_thread(reader.look) for _ in range(3)] == [200, 4, 0]
        assert server.seen == {210}
        server.messages[212] = bounced
        assert await asyncio.to_thread(reader.look) == 1
    assert server.seen == {210, 212}
    assert len(server.given) == len(set(server.given)) == 205
    assert 'LOGIN "pakn@example.org" "a\\"b"' in server.commands
    assert 'SELECT "Sent back"' in server.commands


@needs_certificate
async def test_a_folder_with_hundreds_of_thousands_of_messages_is_read(certificate: ssl.SSLContext) -> None:
    """Their numbers come in one line, and one longer than the library takes kept every bounce from being read, for good."""
    server = ImapServer(dict.fromkeys(range(100_000, 500_000), other(1)))
    async with server.listening(certificate) as port:
        reader = Reader(ImapMailbox(ImapFolder("localhost", port, "a", SecretStr("b"), "INBOX")))
        assert await asyncio.to_thread(reader.look) == 200
    assert reader.position.number == 100_199


@needs_certificate
async def test_on_imap_what_was_not_read_is_looked_at_again(certificate: ssl.SSLContext) -> None:
    server = ImapServer({1: other(1), 2: bounce("a@example.org", LETTER), 3: other(3), 4: bounce("b@example.org", LETTER)})
    async with server.listening(certificate) as port:
        reader = Reader(ImapMailbox(ImapFolder("localhost", port, "a", SecretStr("b"), "INBOX")))
        look = await asyncio.to_thread(reader.mailbox.look, reader.position)
        await asyncio.to_thread(reader.settle, look, "left", "again", "left", "taken")
        assert server.seen == {4}
        assert await asyncio.to_thread(reader.look) == 2
    assert server.seen == {2, 4}


@needs_certificate
async def test_a_folder_that_is_numbered_anew_is_read_from_its_beginning(certificate: ssl.SSLContext) -> None:
    server = ImapServer({1: bounce("a@example.org", LETTER)})
    async with server.listening(certificate) as port:
        reader = Reader(ImapMailbox(ImapFolder("localhost", port, "a", SecretStr("b"), "INBOX")), Position(5, "6"))
        look = await asyncio.to_thread(reader.mailbox.look, reader.position)
        assert look.start == Position(0, "7")
        server.validity = 8
        with pytest.raises(OSError, match="mailbox of bounces"):
            await asyncio.to_thread(reader.settle, look, "taken")
        assert server.seen == set()


@needs_certificate
async def test_an_empty_folder_is_no_error(certificate: ssl.SSLContext) -> None:
    """A server may leave out the answer to a search that finds nothing, and that once ended notify."""
    async with ImapServer({}).listening(certificate) as port:
        reader = Reader(ImapMailbox(ImapFolder("localhost", port, "a", SecretStr("b"), "INBOX")))
        assert await asyncio.to_thread(reader.look) == 0
