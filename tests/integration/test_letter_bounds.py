"""How many letters go to one address in a day, whoever sends them: a stranger's mailbox was once anybody's to fill."""

from datetime import timedelta
from typing import Any

from tests.support.mail_world import MailServer, Notify, contact, submitted

# TTL indexes go by the database's own clock, so the day of these tests lies ahead of it.
FAR = timedelta(days=20_000)


def bounded(notify: Notify) -> None:
    notify.time.time += FAR
    bounds = {"letters_per_address": 4, "letters_per_unconfirmed": 2}
    notify.settings = notify.settings.model_copy(update={"notify": notify.settings.notify.model_copy(update=bounds)})
    notify.mailer = notify.new_mailer()


def unconfirmed(number: int, email: str = "a@example.org") -> Any:
    return contact(number, email).model_copy(update={"email_confirmed": False})


async def test_letters_above_an_addresss_bound_wait_for_the_next_day(notify: Notify, server: MailServer) -> None:
    bounded(notify)
    spellings = ["ab@gmail.com", "AB@gmail.com", "ab+x@gmail.com", "a.b@gmail.com", "ab@googlemail.com"]
    await notify.take(*(unconfirmed(number, spelling) for number, spelling in enumerate(spellings)))
    await notify.take(*(submitted(number) for number in range(5)))
    await notify.take(contact(8, "b@example.org"), submitted(8))
    await notify.tick()
    assert len(server.mailbox) == 3, "two to the stranger, and everybody else's"
    notify.time.advance(minutes=30)
    await notify.tick()
    assert len(server.mailbox) == 3
    for sent in (5, 6):
        notify.time.advance(days=1)
        await notify.tick()
        assert len(server.mailbox) == sent, "nothing is lost"
    assert await notify.states() == ["sent"] * 6


async def test_a_confirmed_address_has_more_room_and_a_second_try_takes_none(notify: Notify, server: MailServer) -> None:
    bounded(notify)
    answers = iter(["451 later"] * 3)
    server.on_data = lambda _: next(answers, "250 OK")
    await notify.take(*(contact(number) for number in range(5)), *(submitted(number) for number in range(5)))
    for _ in range(4):
        await notify.tick()
        notify.time.advance(minutes=1)
    assert len(server.mailbox) == 4
    (day,) = await notify.database["address_days"].find({}).to_list(None)
    assert len(day["letters"]) == 4
    assert "example" not in repr(day)
