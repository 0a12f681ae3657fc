"""Letters on a real database and real SMTP: each goes out once, whatever the mail server, a crash or an operator does."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default as POLICY
from typing import Any
from unittest.mock import Mock

import pytest
from aiosmtpd.smtp import SMTP as SmtpServer
from aiosmtpd.smtp import Envelope as MailEnvelope
from aiosmtpd.smtp import Session
from pydantic import BaseModel

import schemas
from schemas import ContactRecorded, DeadlineSet, Envelope, Fact, FeedbackAssigned, FeedbackSubmitted
from services import mongo
from services.notify import operate
from services.notify.domain import Case
from services.notify.handlers import LetterHandler
from services.notify.letters import Composer
from services.notify.mailer import Mailer
from services.notify.smtp import Pool
from services.notify.store import NotifyStore
from services.packs import load_pack
from services.settings import NotifySettings, Settings, SmtpSettings
from services.turn import Received, Tombstone

PACK = load_pack("vn")
START = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)


class HandClock:
    """Legal and machine time are one, and move by hand."""

    def __init__(self) -> None:
        self.time = START

    def now(self) -> datetime:
        return self.time

    def at(self, machine_time: datetime) -> datetime:
        return machine_time

    def machine(self) -> datetime:
        return self.time

    def advance(self, **by: float) -> None:
        self.time += timedelta(**by)


class MailServer:
    """An aiosmtpd handler that keeps what it accepted; tests replace `on_mail`, `on_rcpt` and `on_data` to misbehave."""

    def __init__(self) -> None:
        self.mailbox: list[bytes] = []
        self.connections = 0
        self.on_mail: Callable[[SmtpServer], str] = lambda _: "250 OK"
        self.on_rcpt: Callable[[SmtpServer], str] = lambda _: "250 OK"
        self.on_data: Callable[[SmtpServer], str] = lambda _: "250 OK"
        self.before_answer: Callable[[], Any] | None = None
        self.silent_at = ""
        self.speak_again = asyncio.Event()

    async def handle_MAIL(self, server: SmtpServer, _s: Session, envelope: MailEnvelope, address: str, _o: Any) -> str:
        envelope.mail_from = address
        return self.on_mail(server)

    async def handle_RCPT(self, server: SmtpServer, _s: Session, envelope: MailEnvelope, address: str, _o: Any) -> str:
        envelope.rcpt_tos.append(address)
        if self.silent_at == "rcpt":
            await self.speak_again.wait()
        return self.on_rcpt(server)

    async def handle_DATA(self, server: SmtpServer, _s: Session, envelope: MailEnvelope) -> str:
        if self.before_answer is not None:
            await self.before_answer()
        if self.silent_at == "data":
            await self.speak_again.wait()
        answer = self.on_data(server)
        if answer.startswith("250"):
            assert isinstance(envelope.content, bytes)
            self.mailbox.append(envelope.content)
        return answer

    def message_ids(self) -> list[str]:
        return [str(message_from_bytes(data, policy=POLICY)["Message-ID"]) for data in self.mailbox]

    @asynccontextmanager
    async def listening(self, port: int = 0) -> AsyncIterator[int]:
        def connect() -> SmtpServer:
            self.connections += 1
            return SmtpServer(self, enable_SMTPUTF8=False)

        server = await asyncio.get_running_loop().create_server(connect, "127.0.0.1", port)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()


def cut(server: SmtpServer) -> str:
    """Lose the connection without an answer, as a crash of the mail server would."""
    assert isinstance(server.transport, asyncio.WriteTransport)
    server.transport.abort()
    return "250 OK"


class Notify:
    """The service's parts without Kafka: `facts` is what would have been published."""

    def __init__(self, settings: Settings, port: int, clock: HandClock) -> None:
        self.settings = settings.model_copy(
            update={
                "smtp": SmtpSettings(host="127.0.0.1", port=port, connections=4, timeout_seconds=10),
                "notify": NotifySettings(batch=20, attempts=3, backoff_seconds=5, lease_seconds=60),
            }
        )
        self.clock = clock
        self.facts: list[Fact] = []
        self.client = mongo.make_client(settings.mongo)
        self.database = mongo.database(self.client, settings.namespace, "notify")
        self.store = NotifyStore(self.database)
        self.composer = Composer(PACK, self.settings.smtp.sender, "https://pakn.example")
        self.handler = LetterHandler(self.store, PACK.letters, self.composer.version, clock.machine)
        self.pools: list[Pool] = []
        self.mailer = self.new_mailer()

    def new_mailer(self) -> Mailer:
        """Another instance on the same database."""
        pool = Pool(self.settings.smtp, 30)
        self.pools.append(pool)
        tokens = (f"{id(pool)}-{number}" for number in range(10_000))
        settings = self.settings
        return Mailer(self.store, self.composer, pool, settings.notify, settings.smtp.sender, self.clock, lambda: next(tokens))

    async def prepare(self) -> None:
        await self.store.prepare(self.composer.version, PACK.templates)

    async def close(self) -> None:
        for pool in self.pools:
            await pool.close()
        await mongo.close(self.client)

    async def publish(self, facts: Sequence[Fact]) -> None:
        self.facts += facts

    async def tick(self) -> None:
        await self.mailer.tick()
        await self.mailer.announce(self.publish)

    async def take(self, *events: BaseModel) -> int:
        """Handle a batch; returns how many letters in it were there already."""
        outcome = await self.handler.handle([received(event) for event in events])
        assert outcome.given_up == []
        return outcome.repeated

    async def letters(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = await self.database["letters"].find({}).to_list(None)
        return rows

    async def states(self) -> list[str]:
        return sorted(row["state"] for row in await self.letters())

    def outcomes(self) -> list[str]:
        return [fact.name for fact in self.facts]


@pytest.fixture
def server() -> MailServer:
    return MailServer()


@pytest.fixture(params=["pymongo", "motor"])
async def notify(request: pytest.FixtureRequest, settings: Settings, server: MailServer) -> AsyncIterator[Notify]:
    driver = settings.model_copy(update={"mongo": settings.mongo.model_copy(update={"driver": request.param})})
    async with server.listening() as port:
        parts = Notify(driver, port, HandClock())
        await parts.prepare()
        yield parts
        await parts.client.drop_database(parts.database.name)
        await parts.close()


def case_id(number: int) -> str:
    return f"01890a5d-ac96-774b-bcce-{number:012x}"


def received(event: BaseModel) -> Received:
    feedback_id = getattr(event, "feedback_id", case_id(1))
    name = type(event).__name__
    envelope = Envelope(schemas.derived_id(feedback_id, name), f"pakn.{name}.v1", name, 1, "/test", START, feedback_id, "")
    return Received(envelope, event, "feedback", 0, 0, START, Mock())


def common(number: int) -> dict[str, Any]:
    return {"feedback_id": case_id(number), "code": f"PAKN.20260302.{number:04}"}


def matter() -> dict[str, Any]:
    return {"category": PACK.categories[0].id, "title": "Đèn đường hỏng", "content": "x", "submitted_at": START}


def submitted(number: int = 1) -> FeedbackSubmitted:
    rest = {"channel": "web", "language": "vi", "received_at": START}
    return FeedbackSubmitted.model_validate(common(number) | matter() | rest)


def contact(number: int = 1, email: str | None = "a@example.org") -> ContactRecorded:
    rest = {"name": "Nguyễn Văn A", "email": email, "language": "vi", "lookup_secret": "s"}
    return ContactRecorded.model_validate(common(number) | rest)


def assigned() -> FeedbackAssigned:
    rest = {"agency": PACK.agencies[0].id, "rule": "r", "table_version": "1", "reason": "r", "assigned_at": START}
    return FeedbackAssigned.model_validate(common(1) | matter() | rest)


def deadline_set() -> DeadlineSet:
    return DeadlineSet.model_validate(
        common(1)
        | {"clock_id": "c1", "rule": "handle_reply", "agency": PACK.agencies[0].id, "started_at": START, "due_at": START}
        | {"due_date": "2026-03-23", "limit": 15, "unit": "working_days", "rule_set": PACK.rule_sets[0].id}
        | {"article": "Điều 45", "verified": False, "calendar_version": "1", "explanation": "15"}
    )


async def test_a_letter_goes_out_once_and_is_announced_once(notify: Notify, server: MailServer) -> None:
    await notify.take(contact(), submitted())
    await notify.tick()
    await notify.tick()
    (row,) = await notify.letters()
    assert server.message_ids() == [f"<{row['_id']}@pakn.example>"]
    assert (row["state"], row["announce"]) == ("sent", None)
    (fact,) = notify.facts
    assert (fact.name, fact.subject) == ("NotificationSent", case_id(1))
    assert "example.org" not in fact.data


async def test_a_batch_that_comes_again_writes_no_second_letter(notify: Notify, server: MailServer) -> None:
    assert await notify.take(contact(), submitted()) == 0
    await notify.tick()
    assert await notify.take(contact(), submitted()) == 1
    await notify.tick()
    assert len(server.mailbox) == 1


async def test_a_refusal_for_now_is_tried_again_after_a_pause(notify: Notify, server: MailServer) -> None:
    server.on_rcpt = lambda _: "450 4.2.0 greylisted"
    await notify.take(contact(), submitted())
    await notify.tick()
    await notify.tick()
    (row,) = await notify.letters()
    assert (row["state"], row["attempts"], row["reason"]) == ("queued", 1, "envelope: 450 4.2.0")
    server.on_rcpt = lambda _: "250 OK"
    notify.clock.advance(seconds=5)
    await notify.tick()
    assert await notify.states() == ["sent"]
    assert len(server.mailbox) == 1


async def test_a_refusal_for_good_fails_and_says_nothing_of_the_address(notify: Notify, server: MailServer) -> None:
    server.on_rcpt = lambda _: "550 5.1.1 <a@example.org>: no such user"
    await notify.take(contact(), submitted())
    await notify.tick()
    (row,) = await notify.letters()
    assert (row["state"], row["reason"]) == ("failed", "envelope: 550 5.1.1")
    assert notify.outcomes() == ["NotificationFailed"]
    assert "example.org" not in notify.facts[0].data


@pytest.mark.parametrize(("answer", "state"), [("451 4.3.0 later", "queued"), ("554 5.7.1 spam", "failed")])
async def test_an_answer_to_the_letter_itself_is_believed(notify: Notify, server: MailServer, answer: str, state: str) -> None:
    server.on_data = lambda _: answer
    await notify.take(contact(), submitted())
    await notify.tick()
    assert await notify.states() == [state]


async def test_a_connection_lost_before_the_letter_went_out_is_no_doubt(notify: Notify, server: MailServer) -> None:
    server.on_rcpt = cut
    await notify.take(contact(), submitted())
    await notify.tick()
    assert await notify.states() == ["queued"]
    server.on_rcpt = lambda _: "250 OK"
    notify.clock.advance(seconds=5)
    await notify.tick()
    assert await notify.states() == ["sent"]
    assert len(server.mailbox) == 1


async def test_a_connection_lost_after_the_final_dot_is_uncertain_and_never_resent(notify: Notify, server: MailServer) -> None:
    server.on_data = cut
    await notify.take(contact(), submitted())
    await notify.tick()
    for _ in range(3):
        notify.clock.advance(days=1)
        await notify.tick()
    assert await notify.states() == ["uncertain"]
    assert len(server.mailbox) == 1
    assert notify.outcomes() == ["NotificationFailed"]


async def test_an_operator_settles_an_uncertain_letter_by_its_message_id(notify: Notify, server: MailServer) -> None:
    server.on_data = cut
    await notify.take(contact(1), submitted(1), contact(2), submitted(2))
    await notify.tick()
    first, second = await operate.list_letters(notify.settings)
    assert {first.message_id, second.message_id} == set(server.message_ids())
    server.on_data = lambda _: "250 OK"
    assert await operate.settle_letter(notify.settings, first.id, "sent", notify.clock)
    assert await operate.settle_letter(notify.settings, second.id, "resend", notify.clock)
    assert not await operate.settle_letter(notify.settings, second.id, "resend", notify.clock)
    await notify.tick()
    assert await notify.states() == ["sent", "sent"]
    assert sorted(server.message_ids()) == sorted([first.message_id, second.message_id, second.message_id])
    assert sorted(notify.outcomes()) == ["NotificationFailed"] * 2 + ["NotificationSent"] * 2
    assert await operate.list_letters(notify.settings) == []


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
        server.silent_at = silent_at
        server.speak_again.clear()
        async with server.listening() as port:
            settings = SmtpSettings(host="127.0.0.1", port=port, connections=1, timeout_seconds=answer_seconds)
            pool = Pool(settings, whole_seconds)
            attempt = await pool.hand_over("a@example.org", b"Subject: x\r\n\r\nx\r\n")
            server.speak_again.set()
            assert attempt.result == result
            await pool.close()


async def test_a_mail_server_that_is_away_is_asked_once_a_tick(settings: Settings, server: MailServer) -> None:
    async with server.listening() as port:
        pass
    notify = Notify(settings, port, HandClock())
    await notify.prepare()
    await notify.take(*(event for number in range(30) for event in (contact(number), submitted(number))))
    await notify.tick()
    rows = await notify.letters()
    assert {row["state"] for row in rows} == {"queued"}
    assert {row["attempts"] for row in rows} == {0}  # Nobody refused a letter.
    assert sum(bool(row["reason"]) for row in rows) == 20  # One batch was put off as a whole, the rest not even claimed.
    async with server.listening(port):
        notify.clock.advance(seconds=5)
        await notify.tick()
        assert await notify.states() == ["sent"] * 30
    assert len(set(server.message_ids())) == len(server.mailbox) == 30
    await notify.close()


async def test_a_letter_waits_for_its_contact_and_goes_as_soon_as_it_comes(notify: Notify, server: MailServer) -> None:
    await notify.take(submitted())
    await notify.tick()
    notify.clock.advance(minutes=10)
    await notify.tick()
    assert await notify.states() == ["queued"]
    await notify.take(contact())
    await notify.tick()
    assert len(server.mailbox) == 1


async def test_a_contact_that_never_comes_is_given_up_after_three_days(notify: Notify, server: MailServer) -> None:
    await notify.take(submitted())
    notify.clock.advance(days=3)
    await notify.tick()
    assert await notify.states() == ["undeliverable"]
    assert notify.outcomes() == ["NotificationFailed"]
    assert server.mailbox == []


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
    mail = message_from_bytes(data, policy=POLICY)
    body = mail.get_body(("plain",))
    assert body is not None
    assert "23/03/2026" in body.get_content()


async def test_the_letter_about_the_agency_goes_without_a_due_date_in_the_end(notify: Notify, server: MailServer) -> None:
    await notify.take(contact(), assigned())
    notify.clock.advance(minutes=10)
    await notify.tick()
    assert len(server.mailbox) == 1


async def test_two_instances_on_one_database_send_each_letter_once(notify: Notify, server: MailServer) -> None:
    other = notify.new_mailer()
    await notify.take(*(event for number in range(60) for event in (contact(number), submitted(number))))
    while "queued" in await notify.states():
        await asyncio.gather(notify.mailer.tick(), other.tick())
    assert len(set(server.message_ids())) == len(server.mailbox) == 60
    await notify.mailer.announce(notify.publish)
    await other.announce(notify.publish)
    assert len({fact.id for fact in notify.facts}) == len(notify.facts) == 60


async def test_a_process_that_dies_with_a_claim_delays_letters_and_with_a_handover_makes_them_uncertain(
    notify: Notify, server: MailServer
) -> None:
    await notify.take(contact(1), submitted(1), contact(2), submitted(2))
    until = notify.clock.time + timedelta(seconds=60)
    claimed = await notify.store.claim("dead", notify.clock.time, until, 20)
    assert await notify.store.start_sending("dead", [claimed[0].id], until) == {claimed[0].id}
    await notify.tick()
    assert server.mailbox == []
    notify.clock.advance(seconds=60)
    await notify.tick()
    assert await notify.states() == ["sent", "uncertain"]
    assert [listed.id for listed in await operate.list_letters(notify.settings)] == [claimed[0].id]
    assert sorted(notify.outcomes()) == ["NotificationFailed", "NotificationSent"]


async def test_a_claim_that_another_instance_took_over_hands_nothing_over(notify: Notify) -> None:
    await notify.take(contact(), submitted())
    (letter,) = await notify.store.claim("slow", START, START + timedelta(seconds=60), 20)
    notify.clock.advance(seconds=61)
    assert await notify.store.claim("next", notify.clock.time, notify.clock.time + timedelta(seconds=60), 20) == [letter]
    assert await notify.store.start_sending("slow", [letter.id], notify.clock.time) == set()


async def test_a_service_that_stops_finishes_the_letters_in_the_air(notify: Notify, server: MailServer) -> None:
    """A cancelled hand-over would be an uncertain letter at each restart."""
    in_the_air, answer = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        in_the_air.set()
        await answer.wait()

    server.before_answer = wait
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
    await other.announce(notify.publish)
    assert notify.facts == []
    notify.clock.advance(seconds=31)
    await other.announce(notify.publish)
    assert notify.outcomes() == ["NotificationSent"]


async def test_letters_that_are_not_settled_are_counted_by_state(notify: Notify, server: MailServer) -> None:
    server.on_rcpt = lambda _: "550 no"
    await notify.take(contact(1), submitted(1))
    await notify.tick()
    server.on_rcpt = lambda _: "250 OK"
    await notify.take(contact(2), submitted(2), contact(3, email=None), submitted(3), submitted(4))
    await notify.tick()
    assert await notify.store.counts() == {"queued": 1, "sending": 0, "uncertain": 0, "failed": 1}
