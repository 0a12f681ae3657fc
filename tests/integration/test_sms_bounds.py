"""How many texts go to one number in a day, and what all of them may cost: whoever sends in numbers makes others pay."""

from datetime import timedelta

import pytest

from pakn.settings import Settings
from tests.support.mail_world import contact, submitted
from tests.support.sms_world import SmsGateway, TextNotify

# TTL indexes go by the database's own clock, so the day of these tests lies ahead of it.
FAR = timedelta(days=20_000)


async def test_texts_above_a_numbers_bound_wait_for_the_next_day(settings: Settings, gateway: SmsGateway) -> None:
    spellings = ["0912345678", "+84 912 345 678", "0084912345678", "091.234.5678", "84912345678"]
    async with gateway.listening() as port, TextNotify(settings, port, texts_per_number=2) as texts:
        texts.time.time += FAR
        await texts.take(*(contact(number, phone=phone) for number, phone in enumerate(spellings)))
        await texts.take(*(submitted(number) for number in range(5)), contact(8, phone="0987654321"), submitted(8))
        await texts.tick()
        texts.time.advance(minutes=30)
        await texts.tick()
        assert len(gateway.texts) == 3, "two to one number, and everybody else's"
        for sent in (5, 6):
            texts.time.advance(days=1)
            await texts.tick()
            assert len(gateway.texts) == sent, "nothing is lost"
        days = repr(await texts.database["address_days"].find({}).to_list(None))
        assert "912345678" not in days


@pytest.mark.parametrize("driver", ["pymongo", "motor"])
async def test_texts_above_what_a_day_may_cost_wait_for_the_next_day(settings: Settings, gateway: SmsGateway, driver: str) -> None:
    """Each text has two parts here, so a day of seven takes three texts, by any number of instances."""
    settings = settings.model_copy(update={"mongo": settings.mongo.model_copy(update={"driver": driver})})
    async with gateway.listening() as port, TextNotify(settings, port, parts_per_day=7, parts_max=2) as texts:
        texts.time.time += FAR
        other = texts.new_mailer()
        for number in range(8):
            await texts.take(contact(number, phone=f"091234{number:04}"), submitted(number))
        for sent in (3, 6, 8):
            await texts.mailer.tick()
            await other.tick()
            assert len(gateway.texts) == sent
            texts.time.advance(hours=1)
            await texts.tick()
            assert len(gateway.texts) == sent
            texts.time.advance(days=1)
        assert await texts.states() == ["sent"] * 8
        assert len(set(gateway.ids())) == 8


async def test_what_the_gateway_did_not_take_costs_nothing_and_what_is_uncertain_may_have(
    settings: Settings, gateway: SmsGateway
) -> None:
    answers = iter([(429, ""), (403, ""), None])
    gateway.on_text = lambda _: next(answers, (200, '{"code": "100"}'))
    async with gateway.listening() as port, TextNotify(settings, port, parts_per_day=4, parts_max=2) as texts:
        texts.time.time += FAR
        for number in range(4):
            await texts.take(contact(number, phone=f"091234{number:04}"), submitted(number))
            await texts.tick()
        # One was put off, one refused, one is uncertain and one is sent: the day is used up by the last two.
        assert await texts.states() == ["failed", "queued", "sent", "uncertain"]
        (day,) = [row for row in await texts.database["address_days"].find({}).to_list(None) if "taken" in row]
        assert day["taken"] == 4
        texts.time.advance(minutes=10)
        await texts.tick()
        assert len(gateway.texts) == 4
        texts.time.advance(days=1)
        await texts.tick()
        assert await texts.states() == ["failed", "sent", "sent", "uncertain"]


async def test_a_text_of_too_many_parts_fails_before_it_costs_anything(settings: Settings, gateway: SmsGateway) -> None:
    async with gateway.listening() as port, TextNotify(settings, port, parts_max=1) as texts:
        await texts.take(contact(), submitted())
        await texts.tick()
        (row,) = await texts.letters()
        assert (row["state"], row["reason"]) == ("failed", "received.sms: 2 parts, 1 are allowed")
    async with gateway.listening() as port, TextNotify(settings, port, parts_max=1, diacritics=False) as texts:
        await texts.take(contact(2), submitted(2))
        await texts.tick()
        assert [text["text"].partition(" PAKN")[0] for text in gateway.texts] == ["Phan anh"]
