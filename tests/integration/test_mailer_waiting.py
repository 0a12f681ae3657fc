"""What letters wait for, and what becomes of them when instances share, stop or die: each still goes out once at most."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta

import pytest

from pakn.engine.received import Tombstone
from services.notify import commands
from services.notify.domain import Case
from tests.support.letters import read, texts
from tests.support.mail_world import START, MailServer, Notify, assigned, contact, deadline_set, not_counted, submitted


async def test_a_letter_waits_for_its_contact_and_goes_as_soon_as_it_comes(notify: Notify, server: MailServer) -> None:
    await notify.take(submitted())
    await notify.tick()
    notify.time.advance(minutes=10)
    await notify.tick()
    assert await notify.states() == ["queued"]
    await notify.take(contact())
    await notify.tick()
    assert len(server.mailbox) == 1


async def test_a_deadline_that_comes_while_its_letter_is_looked_at_is_not_missed(
    notify: Notify, server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The letter was claimed, so that nothing waited for the deadline to let go, and then it waited for ten minutes."""
    await notify.take(assigned())
    await notify.take(contact())
    cases = notify.store.cases

    async def before_the_deadline_came(feedback_ids: Iterable[str]) -> dict[str, Case]:
        found = await cases(feedback_ids)
        monkeypatch.undo()
        await notify.take(deadline_set())
        return found

    monkeypatch.setattr(notify.store, "cases", before_the_deadline_came)
    await notify.tick()
    await notify.tick()
    assert await notify.states() == ["sent"]
    assert len(server.mailbox) == 1


async def test_who_gave_no_email_and_who_was_erased_get_no_letter_and_make_no_noise(notify: Notify, server: MailServer) -> None:
    await notify.take(contact(2, email=None), submitted(2), contact(1), submitted(1), Tombstone())
    await notify.tick()
    assert await notify.states() == ["undeliverable", "undeliverable"]
    assert notify.facts == []
    assert server.mailbox == []
    for name in ("cases", "letters"):
        assert "example.org" not in repr(await notify.database[name].find({}).to_list(None))


async def test_the_letter_about_the_agency_has_the_due_date_that_comes_after_it(notify: Notify, server: MailServer) -> None:
    await notify.take(contact(), assigned())
    await notify.tick()
    assert server.mailbox == []
    await notify.take(deadline_set())
    await notify.tick()
    (data,) = server.mailbox
    plain, _ = texts(read(data))
    assert "23/03/2026" in plain


async def test_the_letter_about_the_agency_goes_at_once_when_no_day_will_come(notify: Notify, server: MailServer) -> None:
    await notify.take(contact(), assigned())
    await notify.tick()
    assert server.mailbox == []
    await notify.take(not_counted())
    await notify.tick()
    assert len(server.mailbox) == 1


async def test_two_instances_on_one_database_send_each_letter_once(notify: Notify, server: MailServer) -> None:
    other = notify.new_mailer()
    await notify.take(*(event for number in range(60) for event in (contact(number), submitted(number))))
    while "queued" in await notify.states():
        await asyncio.gather(notify.mailer.tick(), other.tick())
    assert len(set(server.message_ids())) == len(server.mailbox) == 60
    await notify.announcer_of(notify.mailer).announce(notify.publish)
    await notify.announcer_of(other).announce(notify.publish)
    assert len({fact.id for fact in notify.facts}) == len(notify.facts) == 60


async def test_a_process_that_dies_with_a_claim_delays_letters_and_with_a_handover_makes_them_uncertain(
    notify: Notify, server: MailServer
) -> None:
    await notify.take(contact(1), submitted(1), contact(2), submitted(2))
    until = notify.time.now() + timedelta(seconds=60)
    claimed = await notify.store.claim("dead", "email", notify.time.now(), until, 20)
    assert await notify.store.start_sending("dead", [claimed[0].id], until) == {claimed[0].id}
    await notify.tick()
    assert server.mailbox == []
    notify.time.advance(seconds=60)
    await notify.tick()
    assert await notify.states() == ["sent", "uncertain"]
    assert [listed["id"] for listed in await commands.list_letters(notify.settings)] == [claimed[0].id]
    assert sorted(notify.outcomes()) == ["NotificationFailed", "NotificationSent"]


async def test_a_claim_that_another_instance_took_over_hands_nothing_over(notify: Notify) -> None:
    await notify.take(contact(), submitted())
    (letter,) = await notify.store.claim("slow", "email", START, START + timedelta(seconds=60), 20)
    notify.time.advance(seconds=61)
    assert await notify.store.claim("next", "email", notify.time.now(), notify.time.now() + timedelta(seconds=60), 20) == [letter]
    assert await notify.store.start_sending("slow", [letter.id], notify.time.now()) == set()


async def test_a_service_that_stops_finishes_the_letters_in_the_air(notify: Notify, server: MailServer) -> None:
    """A cancelled hand-over would be an uncertain letter at each restart."""
    in_the_air, answer = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        in_the_air.set()
        await answer.wait()

    server.before["data"] = wait
    await notify.take(contact(), submitted())
    tick = asyncio.create_task(notify.mailer.tick())
    async with asyncio.timeout(10):
        await in_the_air.wait()
        tick.cancel()
        answer.set()
        with pytest.raises(asyncio.CancelledError):
            await tick
    assert await notify.states() == ["sent"]


async def test_what_was_saved_and_not_announced_is_announced_by_any_instance_later(notify: Notify) -> None:
    await notify.take(contact(), submitted())
    await notify.mailer.tick()
    other = notify.new_mailer()
    await notify.announcer_of(other).announce(notify.publish)
    assert notify.facts == []
    notify.time.advance(seconds=31)
    await notify.announcer_of(other).announce(notify.publish)
    assert notify.outcomes() == ["NotificationSent"]
