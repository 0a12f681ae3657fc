"""A mail server that refuses everything: no letter fails for it, and all go out when it is mended."""

from typing import Any

from aiosmtpd.smtp import SMTP as SmtpServer
from structlog.testing import capture_logs

from pakn import metrics
from services.notify import commands
from tests.support.mail_world import MailServer, Notify, contact, submitted

REFUSED = "550 5.7.1 relaying denied"


def letters_to(*numbers: int) -> list[Any]:
    return [event for number in numbers for event in (contact(number, f"a{number}@example.org"), submitted(number))]


async def test_a_server_that_refuses_everything_makes_no_letter_fail_and_all_go_out_when_it_is_mended(
    notify: Notify, server: MailServer
) -> None:
    """Everything that was queued once failed within a second, to be settled one by one."""
    server.on_rcpt = lambda _: REFUSED
    await notify.take(*letters_to(*range(60)))
    with capture_logs() as logs:
        for _ in range(3):
            await notify.tick()
        assert set(await notify.states()) == {"queued"}
        assert metrics.mail_server_refuses._value.get() == 1
        # A few letters try it, each time after a longer pause.
        asked = metrics.letter_attempts.labels("retry", "email")._value.get()
        notify.time.advance(seconds=60)
        await notify.tick()
        await notify.tick()
        assert metrics.letter_attempts.labels("retry", "email")._value.get() == asked + notify.settings.notify.refusals
    assert [row["event"] for row in logs].count("mail_server_refuses_all_letters") == 1
    server.on_rcpt = lambda _: "250 OK"
    for _ in range(4):
        notify.time.advance(minutes=15)
        await notify.tick()
    assert await notify.states() == ["sent"] * 60
    assert len(set(server.message_ids())) == len(server.mailbox) == 60
    assert metrics.mail_server_refuses._value.get() == 0


async def test_letters_that_were_refused_one_by_one_before_it_was_clear_are_sent_too(notify: Notify, server: MailServer) -> None:
    server.on_rcpt = lambda _: REFUSED
    for number in range(5):
        await notify.take(*letters_to(number))
        await notify.tick()
    assert await notify.states() == ["queued"] * 5
    server.on_rcpt = lambda _: "250 OK"
    notify.time.advance(minutes=15)
    await notify.tick()
    assert await notify.states() == ["sent"] * 5


async def test_many_addresses_that_do_not_exist_hold_up_the_letters_of_others_for_a_few_trials_only(
    notify: Notify, server: MailServer
) -> None:
    """Refusals that a stranger brings about must not stop the letters of everybody."""

    def answer(smtp: SmtpServer) -> str:
        assert smtp.envelope
        return "250 OK" if smtp.envelope.rcpt_tos[-1].startswith("good") else "550 5.1.1 no such user"

    server.on_rcpt = answer
    await notify.take(*letters_to(*range(70)))
    await notify.tick()
    await notify.take(contact(99, "good@example.org"), submitted(99))
    waited = 0
    while not server.mailbox:
        notify.time.advance(minutes=1)
        waited += 1
        await notify.tick()
        assert waited <= 30, "1, 2, 4, 8 and 15 minutes apart, the trials take 5, 10, 20, 40 and 80 letters here"


async def test_a_letter_that_is_refused_among_good_ones_fails_alone(notify: Notify, server: MailServer) -> None:
    answers = iter(["250 OK", "550 5.1.1 no such user", *["250 OK"] * 8])
    server.on_rcpt = lambda _: next(answers)
    await notify.take(*letters_to(*range(10)))
    await notify.tick()
    assert sorted(await notify.states()) == ["failed", *["sent"] * 9]


async def test_an_operator_settles_all_letters_that_failed_for_one_reason(notify: Notify, server: MailServer) -> None:
    server.on_rcpt = lambda _: "550 5.1.1 no such user"
    await notify.take(*letters_to(1))
    await notify.tick()
    server.on_rcpt = lambda _: "250 OK"
    server.on_data = lambda _: "554 5.7.1 spam"
    await notify.take(*letters_to(2, 3))
    await notify.tick()
    said: list[str] = []
    choice: dict[str, Any] = {"reason": "data: 554", "say": said.append}
    assert await commands.settle_all(notify.settings, "failed", "resend", notify.time, **choice) == 2
    assert all("data: 554 5.7.1" in line and line.endswith("resend") for line in said)
    assert await notify.states() == ["failed", "queued", "queued"]
    await notify.tick()
    assert await notify.states() == ["failed", "failed", "failed"]
    assert len({fact.id for fact in notify.facts}) == 5, "the second failure of a letter is another fact than its first"
    server.on_data = lambda _: "250 OK"
    assert await commands.settle_all(notify.settings, "failed", "resend", notify.time) == 3
    await notify.tick()
    assert await notify.states() == ["sent"] * 3


async def test_a_letter_that_is_sent_again_after_days_is_tried_for_days_anew(notify: Notify, server: MailServer) -> None:
    """It once failed at the first answer "later", since it was old."""
    server.on_rcpt = lambda _: "550 5.1.1 no such user"
    await notify.take(*letters_to(1))
    await notify.tick()
    notify.time.advance(days=10)
    server.on_rcpt = lambda _: "451 4.7.1 greylisted"
    await commands.settle_all(notify.settings, "failed", "resend", notify.time)
    for _ in range(50):
        await notify.tick()
        notify.time.advance(hours=1)
    assert await notify.states() == ["queued"]


async def test_no_letter_fails_however_long_the_server_refuses_everything(notify: Notify, server: MailServer) -> None:
    """After three days all letters that had been put back once failed; so did those that were then put off or met no server."""
    server.on_rcpt = lambda _: REFUSED
    await notify.take(*letters_to(*range(12)))
    for _ in range(3):
        await notify.tick()
    for _ in range(10):
        notify.time.advance(hours=10)
        await notify.tick()
    assert set(await notify.states()) == {"queued"}
    assert notify.outcomes() == []
    server.on_rcpt = lambda _: "451 4.7.1 greylisted"
    for _ in range(4):
        notify.time.advance(hours=1)
        await notify.tick()
    assert set(await notify.states()) == {"queued"}
    server.on_rcpt = lambda _: "250 OK"
    notify.time.advance(hours=1)
    await notify.tick()
    assert await notify.states() == ["sent"] * 12
