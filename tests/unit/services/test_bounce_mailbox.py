"""The mailbox of bounces: what of it is read, what is taken out of it, and what stays for others."""

import asyncio
import ssl
from pathlib import Path

import pytest

from services.notify import bounces
from services.notify.bounces import Mailbox, Message
from tests.support.bounces import bounce, enclosed, nested, put, subjects
from tests.support.certificates import needs_certificate, trusted_certificate
from tests.support.imap_server import ImapServer

LETTER = "<01890a5d-ac96-774b-bcce-000000000001@pakn.example>"


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    return trusted_certificate(tmp_path, monkeypatch)


def other(number: int) -> bytes:
    return f"From: a@example.org\nSubject: {number}\n\nHello\n".encode()


def look(box: Mailbox) -> list[Message]:
    """One look, which takes every bounce for one of a letter of ours."""
    looked = []
    for message in box.take():
        message.is_ours = bounces.read(message.content, "pakn.example") is not None
        looked.append(message)
    return looked


def test_a_bounce_names_its_letter_and_its_addresses() -> None:
    assert bounces.read(bounce("A@example.org", LETTER), "pakn.example") == (LETTER[1:37], {"a@example.org"})


@pytest.mark.parametrize("content", [nested(LETTER), enclosed(LETTER)], ids=["parts", "messages"])
def test_parts_within_parts_are_no_bounce_and_no_error(content: bytes) -> None:
    """A RecursionError once ended notify, at each start anew: everybody can write to the mailbox."""
    assert bounces.read(content, "pakn.example") is None


def test_only_bounces_leave_the_file(tmp_path: Path) -> None:
    """Every message was removed once, also people's mail to the From address."""
    put(tmp_path / "mbox", other(1), bounce("a@example.org", LETTER), nested(LETTER), other(2))
    assert len(look(Mailbox(str(tmp_path / "mbox")))) == 4
    assert subjects(tmp_path / "mbox") == ["1", "2"]


def test_a_message_that_stays_in_the_file_is_looked_at_once(tmp_path: Path) -> None:
    box = Mailbox(str(tmp_path / "mbox"))
    put(tmp_path / "mbox", other(1), bounce("a@example.org", LETTER), other(2))
    assert len(look(box)) == 3
    put(tmp_path / "mbox", bounce("b@example.org", LETTER))
    assert len(look(box)) == 1
    assert look(box) == []
    assert subjects(tmp_path / "mbox") == ["1", "2"]


def test_others_mail_hides_no_bounce_behind_it(tmp_path: Path) -> None:
    box = Mailbox(str(tmp_path / "mbox"))
    put(tmp_path / "mbox", *map(other, range(250)), bounce("a@example.org", LETTER))
    assert [len(look(box)) for _ in range(3)] == [200, 51, 0]
    assert len(subjects(tmp_path / "mbox")) == 250


def test_a_file_from_which_others_remove_mail_is_looked_at_from_its_beginning(tmp_path: Path) -> None:
    box = Mailbox(str(tmp_path / "mbox"))
    put(tmp_path / "mbox", *map(other, range(3)))
    assert len(look(box)) == 3
    (tmp_path / "mbox").write_bytes(b"")
    put(tmp_path / "mbox", *map(other, range(3, 5)), bounce("a@example.org", LETTER))
    assert len(look(box)) == 3
    assert subjects(tmp_path / "mbox") == ["3", "4"]


def test_a_look_that_ends_early_leaves_the_message_in_hand_for_the_next(tmp_path: Path) -> None:
    """The database may be away when the bounce is to be recorded."""
    box = Mailbox(str(tmp_path / "mbox"))
    put(tmp_path / "mbox", other(1), bounce("a@example.org", LETTER))
    messages = box.take()
    next(messages)
    next(messages)
    messages.close()
    assert len(look(box)) == 2
    assert subjects(tmp_path / "mbox") == ["1"]


def test_a_file_that_grew_without_a_lock_is_an_error_that_is_tried_again(tmp_path: Path) -> None:
    """The library refuses to write it, with an error of its own that once ended notify."""
    box = Mailbox(str(tmp_path / "mbox"))
    put(tmp_path / "mbox", bounce("a@example.org", LETTER))
    messages = box.take()
    next(messages).is_ours = True
    with (tmp_path / "mbox").open("ab") as file:
        file.write(b"From b Mon Mar  2 03:00:00 2026\nSubject: 1\n\nHello\n\n")
    with pytest.raises(OSError, match="mailbox of bounces"):
        next(messages)
    assert len(look(box)) == 2
    assert subjects(tmp_path / "mbox") == ["1"]


@needs_certificate
async def test_on_imap_only_bounces_are_marked_and_each_message_is_read_once(certificate: ssl.SSLContext) -> None:
    bounced = bounce("a@example.org", LETTER)
    server = ImapServer({uid: other(uid) for uid in range(1, 203)} | {210: bounced, 211: other(211)})
    async with server.listening(certificate) as port:
        box = Mailbox(f"imaps://pakn%40example.org:a%22b@localhost:{port}/Sent%20back")
        assert [len(await asyncio.to_thread(look, box)) for _ in range(3)] == [200, 4, 0]
        assert server.seen == {210}
        server.messages[212] = bounced
        assert len(await asyncio.to_thread(look, box)) == 1
    assert server.seen == {210, 212}
    assert len(server.given) == len(set(server.given)) == 205
    assert 'LOGIN "pakn@example.org" "a\\"b"' in server.commands
    assert 'SELECT "Sent back"' in server.commands


@needs_certificate
async def test_an_empty_folder_is_no_error(certificate: ssl.SSLContext) -> None:
    """A server may leave out the answer to a search that finds nothing, and that once ended notify."""
    async with ImapServer({}).listening(certificate) as port:
        assert await asyncio.to_thread(look, Mailbox(f"imaps://a:b@localhost:{port}/INBOX")) == []
