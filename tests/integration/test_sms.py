"""Text messages on a real database and a real HTTP server: each goes out once, whatever the gateway or an operator does."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from pakn import metrics
from pakn.engine.received import Tombstone
from pakn.gateways import SmsSettings
from pakn.settings import Settings
from schemas import derived_id
from services.notify import commands
from services.notify.channels import parts
from services.notify.domain import Settlement
from tests.integration.conftest import MakeSystem
from tests.support.mail_world import MailServer, Notify, case_id, contact, submitted
from tests.support.outside_world import GOOD, until
from tests.support.sms_world import TEXTS, SmsGateway, TextNotify, gateway_settings


def texts_to(*numbers: int) -> list[Any]:
    return [event for number in numbers for event in (contact(number, phone=f"091234{number:04}"), submitted(number))]


async def test_a_text_goes_out_once_and_is_announced_once_with_what_it_costs(texts: TextNotify, gateway: SmsGateway) -> None:
    before = metrics.sms_parts.labels("sent")._value.get()
    await texts.take(*texts_to(1))
    await texts.tick()
    await texts.tick()
    (text,) = gateway.texts
    assert text["id"] == derived_id(derived_id(case_id(1), "FeedbackSubmitted"), "sms/received")
    assert text["to"] == "+84912340001"
    assert text["text"].startswith("Phản ánh PAKN.20260302.0001: https://pakn.example/")
    assert gateway.heads[0].startswith("POST /send HTTP/1.1\r\n")
    (fact,) = texts.facts
    assert (fact.name, fact.subject) == ("NotificationSent", case_id(1))
    said = json.loads(fact.data)
    assert (said["channel"], said["parts"], said["moment"]) == ("sms", 2, "received")
    assert "912340001" not in fact.data
    assert metrics.sms_parts.labels("sent")._value.get() == before + 2


@pytest.mark.parametrize(
    ("answer", "state", "reason"),
    [
        ((200, '{"code": "100"}'), "sent", ""),
        ((200, '{"code": "99", "to": "+84912340001"}'), "failed", "answer: 200 99"),
        ((403, "no"), "failed", "answer: 403"),
        ((200, '{"code": "busy"}'), "queued", "answer: 200"),
        ((429, ""), "queued", "answer: 429"),
        # These may come from a proxy that handed the text on, or from a gateway that nobody asked before.
        ((500, ""), "uncertain", "answer: 500"),
        ((200, "<html>"), "uncertain", "answer: 200"),
        ((302, ""), "uncertain", "answer: 302"),
        (None, "uncertain", "answer: RemoteProtocolError"),
    ],
)
async def test_an_answer_means_what_the_settings_say_and_its_words_are_not_kept(
    texts: TextNotify, gateway: SmsGateway, answer: Any, state: str, reason: str
) -> None:
    gateway.on_text = lambda _: answer
    await texts.take(*texts_to(1))
    await texts.tick()
    (row,) = await texts.letters()
    assert (row["state"], row["reason"].replace("ReadError", "RemoteProtocolError")) == (state, reason)
    assert texts.outcomes() == {"sent": ["NotificationSent"], "queued": []}.get(state, ["NotificationFailed"])
    assert "912340001" not in "".join(fact.data for fact in texts.facts) + repr(row)


async def test_a_text_whose_answer_is_lost_is_uncertain_and_an_operator_settles_it_by_its_id(
    texts: TextNotify, gateway: SmsGateway
) -> None:
    gateway.on_text = lambda _: None
    await texts.take(*texts_to(1, 2))
    await texts.tick()
    for _ in range(3):
        texts.time.advance(days=1)
        await texts.tick()
    assert await texts.states() == ["uncertain", "uncertain"]
    assert len(gateway.texts) == 2, "it is never sent again by itself"
    listed = await commands.list_letters(texts.settings)
    assert sorted(row["message_id"] for row in listed) == sorted(gateway.ids())
    assert {row["channel"] for row in listed} == {"sms"}
    gateway.on_text = lambda _: (200, '{"code": "100"}')
    first, second = (row["id"] for row in listed)
    assert await commands.settle_letters(texts.settings, [first], "sent", texts.time) == 1
    assert await commands.settle_letters(texts.settings, [second], "resend", texts.time) == 1
    await texts.tick()
    assert await texts.states() == ["sent", "sent"]
    assert sorted(gateway.ids()) == sorted([first, second, second])


async def test_a_gateway_that_answers_too_late_has_the_text_once(settings: Settings, gateway: SmsGateway) -> None:
    answer = asyncio.Event()
    gateway.before = answer.wait
    async with gateway.listening() as port, TextNotify(settings, port, timeout_seconds=0.3) as texts:
        await texts.take(*texts_to(1))
        await texts.tick()
        answer.set()
        gateway.before = None
        texts.time.advance(days=1)
        await texts.tick()
        (row,) = await texts.letters()
        assert (row["state"], row["reason"]) == ("uncertain", "answer: ReadTimeout")
    assert len(gateway.texts) == 1


async def test_a_gateway_that_is_away_is_asked_once_a_tick_and_letters_go_on(
    settings: Settings, gateway: SmsGateway, server: MailServer
) -> None:
    async with gateway.listening() as port:
        pass
    async with server.listening() as mail_port, TextNotify(settings, port, mail_port, mail=True) as both:
        await both.take(*texts_to(*range(30)))
        await both.tick()
        rows = [row for row in await both.letters() if row["channel"] == "sms"]
        assert {(row["state"], row["attempts"]) for row in rows} == {("queued", 0)}
        assert {row["reason"] for row in rows} == {"connect: ConnectError", "connect", ""}
        await both.mail.tick()
        await both.mail.tick()
        assert len(server.mailbox) == 30
        async with gateway.listening(port):
            both.time.advance(seconds=5)
            await both.tick()
        assert await both.states() == ["sent"] * 60
    assert len(set(gateway.ids())) == len(gateway.texts) == 30


async def test_a_process_that_dies_between_mark_and_hand_over_leaves_the_text_uncertain(
    texts: TextNotify, gateway: SmsGateway
) -> None:
    await texts.take(*texts_to(1, 2))
    until = texts.time.now() + timedelta(seconds=60)
    claimed = await texts.store.claim("dead", "sms", texts.time.now(), until, 20)
    assert await texts.store.start_sending("dead", [claimed[0].id], until) == {claimed[0].id}
    await texts.tick()
    assert gateway.texts == []
    texts.time.advance(seconds=60)
    await texts.tick()
    texts.time.advance(days=1)
    await texts.tick()
    assert await texts.states() == ["sent", "uncertain"]
    assert gateway.ids() == [claimed[1].id]
    assert [row["id"] for row in await commands.list_letters(texts.settings)] == [claimed[0].id]


async def test_a_service_that_stops_waits_for_the_answer_to_a_text(texts: TextNotify, gateway: SmsGateway) -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        asked.set()
        await answer.wait()

    gateway.before = wait
    await texts.take(*texts_to(1))
    tick = asyncio.create_task(texts.mailer.tick())
    async with asyncio.timeout(10):
        await asked.wait()
        tick.cancel()
        answer.set()
        with pytest.raises(asyncio.CancelledError):
            await tick
    assert await texts.states() == ["sent"]


async def test_two_instances_send_each_text_once(texts: TextNotify, gateway: SmsGateway) -> None:
    other = texts.new_mailer()
    await texts.take(*texts_to(*range(40)))
    while "queued" in await texts.states():
        await asyncio.gather(texts.mailer.tick(), other.tick())
    assert len(set(gateway.ids())) == len(gateway.texts) == 40


async def test_no_text_fails_for_a_gateway_that_refuses_everything(texts: TextNotify, gateway: SmsGateway) -> None:
    """A key that has expired must not make thousands of texts fail, to be settled by hand."""
    gateway.on_text = lambda _: (401, "key")
    await texts.take(*texts_to(*range(12)))
    for _ in range(3):
        await texts.tick()
    assert set(await texts.states()) == {"queued"}
    assert (metrics.sms_gateway_refuses._value.get(), metrics.mail_server_refuses._value.get()) == (1, 0)
    gateway.on_text = lambda _: (200, '{"code": "100"}')
    for _ in range(4):
        texts.time.advance(minutes=15)
        await texts.tick()
    assert await texts.states() == ["sent"] * 12
    assert metrics.sms_gateway_refuses._value.get() == 0


async def test_who_has_no_mobile_number_and_who_was_erased_get_no_text_and_make_no_noise(
    texts: TextNotify, gateway: SmsGateway
) -> None:
    for number, phone in ((2, "024 3823 4567"), (3, None), (4, "+1 202 555 0123")):
        await texts.take(contact(number, phone=phone), submitted(number))
    await texts.take(contact(1), submitted(1), Tombstone())
    await texts.tick()
    assert await texts.states() == ["undeliverable"] * 4
    assert (texts.facts, gateway.texts) == ([], [])
    assert "0912345678" not in repr(await texts.database["cases"].find({"_id": case_id(1)}).to_list(None))


async def test_letters_of_a_time_before_there_were_channels_go_by_mail_and_not_as_texts(
    settings: Settings, gateway: SmsGateway, server: MailServer
) -> None:
    async with gateway.listening() as port, server.listening() as mail_port, Notify(settings, mail_port) as before:
        await before.take(contact(), submitted())
        await before.database["letters"].update_many({}, {"$unset": {"channel": "", "parts": ""}})
        async with TextNotify(settings, port, mail_port) as both:
            await both.mailer.tick()
            assert (gateway.texts, server.mailbox) == ([], [])
            await both.mail.tick()
    assert (len(gateway.texts), len(server.mailbox)) == (0, 1)


async def test_texts_of_a_gateway_that_is_gone_are_given_up_and_can_be_sent_later(texts: TextNotify, gateway: SmsGateway) -> None:
    await texts.take(*texts_to(1, 2))
    gone = Settlement("failed", "no SMS gateway is set", announced=True)
    assert await texts.store.give_up("sms", gone, now=texts.time.now(), legal=texts.time.now()) == 2
    await texts.tick()
    assert (gateway.texts, texts.outcomes()) == ([], ["NotificationFailed"] * 2)
    assert await commands.settle_all(texts.settings, "failed", "resend", texts.time, reason="no SMS gateway") == 2
    await texts.tick()
    assert await texts.states() == ["sent", "sent"]


async def test_a_submission_leads_to_a_text_and_one_that_waits_when_the_gateway_is_unset_is_given_up(
    make_system: MakeSystem, gateway: SmsGateway
) -> None:
    before = metrics.sms_parts.labels("sent")._value.get()
    async with gateway.listening() as port, make_system(sms=gateway_settings(port)) as system:
        await system.start("intake")
        await system.start("notify", pack=TEXTS)
        body = await system.submit()
        (sent,) = await system.observer.wait("NotificationSent", subject=body["feedback_id"], channel="sms")
        (text,) = gateway.texts
        assert (text["id"], text["to"]) == (sent.data["notification_id"], "+84900000000")
        assert body["code"] in text["text"]
        assert body["lookup_secret"] in text["text"]
        assert GOOD["title"] not in text["text"]
        assert GOOD["sender"]["name"] not in text["text"]
        assert await system.measures("notify", f'pakn_sms_parts_total{{result="sent"}} {before + parts.count(text["text"])}')
        await system.stop("notify")
        letters = system.documents("notify")["letters"]
        await letters.update_one({"channel": "sms"}, {"$set": {"state": "queued"}})
        system.settings = system.settings.model_copy(update={"sms": SmsSettings()})
        await system.start("notify", pack=TEXTS)
        (failed,) = await system.observer.wait("NotificationFailed", subject=body["feedback_id"], channel="sms")
        assert (failed.data["reason"], len(gateway.texts)) == ("no SMS gateway is set", 1)
        other = await system.submit()
        await until(lambda: letters.find_one({"feedback_id": other["feedback_id"]}), "a letter about another feedback")
        assert await letters.count_documents({"channel": "sms"}) == 1, "without a gateway no text is written"
