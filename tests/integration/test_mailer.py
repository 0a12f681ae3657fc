"""Letters on a real database and real SMTP: each goes out once, whatever the mail server or an operator does."""

import asyncio
from collections.abc import Callable

import pytest
from aiosmtpd.smtp import SMTP as SmtpServer

from pakn.settings import Settings, SmtpSettings
from services.notify import commands
from services.notify.channels.email import Pool
from tests.support.mail_world import MailServer, Notify, case_id, contact, cut, submitted


async def test_a_letter_goes_out_once_and_is_announced_once(notify: Notify, server: MailServer) -> None:
    await notify.take(contact(), submitted())
    await notify.tick()
    await notify.tick()
    (row,) = await notify.letters()
    assert server.message_ids() == [f"<{row['_id']}.{row['token']}@pakn.example>"]
    assert len(row["token"]) == 32, "128 bits are guessed by nobody"
    assert (row["state"], row["announce"]) == ("sent", None)
    (fact,) = notify.facts
    assert (fact.name, fact.subject) == ("NotificationSent", case_id(1))
    assert "example.org" not in fact.data


@pytest.mark.parametrize(
    ("misbehave", "reason"),
    [(lambda _: "450 4.2.0 greylisted", "envelope: 450 4.2.0"), (cut, "envelope: SMTPServerDisconnected")],
    ids=["refused for now", "connection lost"],
)
async def test_what_went_wrong_before_the_letter_went_out_is_tried_again_after_a_pause(
    notify: Notify, server: MailServer, misbehave: Callable[[SmtpServer], str], reason: str
) -> None:
    server.on_rcpt = misbehave
    await notify.take(contact(), submitted())
    await notify.tick()
    await notify.tick()
    (row,) = await notify.letters()
    assert (row["state"], row["attempts"], row["reason"]) == ("queued", 1, reason)
    server.on_rcpt = lambda _: "250 OK"
    notify.time.advance(seconds=5)
    await notify.tick()
    assert await notify.states() == ["sent"]
    assert len(server.mailbox) == 1


@pytest.mark.parametrize(
    ("on", "answer", "state", "reason"),
    [
        ("on_rcpt", "550 5.1.1 <a@example.org>: no such user", "failed", "envelope: 550 5.1.1"),
        ("on_data", "554 5.7.1 spam", "failed", "data: 554 5.7.1"),
        ("on_data", "451 4.3.0 later", "queued", "data: 451 4.3.0"),
    ],
)
async def test_an_answer_is_believed_and_its_words_are_not_kept(
    notify: Notify, server: MailServer, on: str, answer: str, state: str, reason: str
) -> None:
    setattr(server, on, lambda _: answer)
    await notify.take(contact(), submitted())
    await notify.tick()
    (row,) = await notify.letters()
    assert (row["state"], row["reason"]) == (state, reason)
    assert notify.outcomes() == (["NotificationFailed"] if state == "failed" else [])
    assert "example.org" not in "".join(fact.data for fact in notify.facts)


async def test_a_connection_lost_after_the_final_dot_is_uncertain_and_never_resent(notify: Notify, server: MailServer) -> None:
    server.on_data = cut
    await notify.take(contact(), submitted())
    await notify.tick()
    for _ in range(3):
        notify.time.advance(days=1)
        await notify.tick()
    assert await notify.states() == ["uncertain"]
    assert len(server.mailbox) == 1
    assert notify.outcomes() == ["NotificationFailed"]


async def test_an_operator_settles_an_uncertain_letter_by_its_message_id(notify: Notify, server: MailServer) -> None:
    server.on_data = cut
    await notify.take(contact(1), submitted(1), contact(2), submitted(2))
    await notify.tick()
    first, second = await commands.list_letters(notify.settings)
    assert {first["message_id"], second["message_id"]} == set(server.message_ids())
    server.on_data = lambda _: "250 OK"
    assert await commands.settle_letters(notify.settings, [first["id"]], "sent", notify.time)
    assert await commands.settle_letters(notify.settings, [second["id"]], "resend", notify.time)
    assert not await commands.settle_letters(notify.settings, [second["id"]], "resend", notify.time)
    await notify.tick()
    assert await notify.states() == ["sent", "sent"]
    assert sorted(server.message_ids()) == sorted([first["message_id"], second["message_id"], second["message_id"]])
    assert sorted(notify.outcomes()) == ["NotificationFailed"] * 2 + ["NotificationSent"] * 2
    assert await commands.list_letters(notify.settings) == []


async def test_a_closed_idle_connection_costs_no_attempt(notify: Notify, server: MailServer) -> None:
    """Servers close connections that were idle; the first letter after the night once had to wait for its backoff."""
    await notify.take(contact(1), submitted(1))
    await notify.tick()

    def cut_once(smtp: SmtpServer) -> str:
        server.on_mail = lambda _: "250 OK"
        return cut(smtp)

    server.on_mail = cut_once
    await notify.take(contact(2), submitted(2), contact(3), submitted(3), contact(4), submitted(4), contact(5), submitted(5))
    await notify.tick()
    assert await notify.states() == ["sent"] * 5
    assert {row["attempts"] for row in await notify.letters()} == {1}


@pytest.mark.parametrize(("silent_at", "result"), [("rcpt", "retry"), ("data", "uncertain")])
async def test_a_server_that_falls_silent_is_doubted_only_after_the_letter_went_out(
    server: MailServer, silent_at: str, result: str
) -> None:
    """Both bounds end a hand-over before its lease: that of one answer, and the one of the whole."""
    for answer_seconds, whole_seconds in ((0.1, 10.0), (10.0, 0.1)):
        speak_again = asyncio.Event()
        server.before[silent_at] = speak_again.wait
        async with server.listening() as port:
            settings = SmtpSettings(host="127.0.0.1", port=port, connections=1, timeout_seconds=answer_seconds)
            pool = Pool(settings, whole_seconds)
            attempt = await pool.hand_over("a@example.org", b"Subject: x\r\n\r\nx\r\n")
            speak_again.set()
            assert attempt.result == result
            await pool.close()


async def test_a_mail_server_that_is_away_is_asked_once_a_tick(settings: Settings, server: MailServer) -> None:
    async with server.listening() as port:
        pass
    async with Notify(settings, port) as notify:
        await notify.take(*(event for number in range(30) for event in (contact(number), submitted(number))))
        await notify.tick()
        rows = await notify.letters()
        assert {row["state"] for row in rows} == {"queued"}
        assert {row["attempts"] for row in rows} == {0}  # Nobody refused a letter.
        assert sum(bool(row["reason"]) for row in rows) == 20  # One batch was put off as a whole, the rest not even claimed.
        async with server.listening(port):
            notify.time.advance(seconds=5)
            await notify.tick()
            assert await notify.states() == ["sent"] * 30
    assert len(set(server.message_ids())) == len(server.mailbox) == 30
