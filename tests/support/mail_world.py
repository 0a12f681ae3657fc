"""A mail server that misbehaves on demand, and notify's parts around it without Kafka, for the tests of letters.

`tests/integration/conftest.py` makes fixtures of them.
"""

import asyncio
import secrets
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Self
from unittest.mock import Mock

from aiosmtpd.smtp import SMTP as SmtpServer
from aiosmtpd.smtp import Envelope as MailEnvelope
from aiosmtpd.smtp import Session
from pydantic import BaseModel

import schemas
from pakn.engine import mongo
from pakn.engine.received import Received
from pakn.mailboxes import MboxFile
from pakn.packs.load import Pack
from pakn.settings import NotifySettings, Settings, SmtpSettings
from schemas import Envelope, Fact
from schemas.topics import TopicName
from schemas.values import LetterChannel
from services.notify import domain
from services.notify.announcements import Announcer
from services.notify.bounces.collector import Collector
from services.notify.bounces.mbox import MboxMailbox
from services.notify.bounces.positions import Positions
from services.notify.bounces.reader import BounceReader
from services.notify.channels.channel import Channel
from services.notify.channels.email import Email, Pool
from services.notify.day_bounds import DayBounds
from services.notify.decisions import LetterHandler
from services.notify.letters.compose import Composer, sender_domain
from services.notify.mailer import Mailer
from services.notify.store import NotifyStore
from tests.support.examples import clock_change, example
from tests.support.letters import read
from tests.support.packs import VN

START = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)


class HandTime:
    """Legal and machine time are one, and move by hand."""

    def __init__(self) -> None:
        self.time = START

    def now(self) -> datetime:
        return self.time

    def at(self, machine_time: datetime) -> datetime:
        return machine_time

    machine = now

    def advance(self, **by: float) -> None:
        self.time += timedelta(**by)


class MailServer:
    """An aiosmtpd handler that keeps what it accepted; tests replace `on_mail`, `on_rcpt` and `on_data` to misbehave."""

    def __init__(self) -> None:
        self.mailbox: list[bytes] = []
        self.on_mail: Callable[[SmtpServer], str] = lambda _: "250 OK"
        self.on_rcpt: Callable[[SmtpServer], str] = lambda _: "250 OK"
        self.on_data: Callable[[SmtpServer], str] = lambda _: "250 OK"
        # What is waited for before the answer to "rcpt" or "data".
        self.before: dict[str, Callable[[], Awaitable[object]]] = {}

    async def handle_MAIL(self, server: SmtpServer, _s: Session, envelope: MailEnvelope, address: str, _o: Any) -> str:
        envelope.mail_from = address
        return self.on_mail(server)

    async def handle_RCPT(self, server: SmtpServer, _s: Session, envelope: MailEnvelope, address: str, _o: Any) -> str:
        envelope.rcpt_tos.append(address)
        if before := self.before.get("rcpt"):
            await before()
        return self.on_rcpt(server)

    async def handle_DATA(self, server: SmtpServer, _s: Session, envelope: MailEnvelope) -> str:
        if before := self.before.get("data"):
            await before()
        answer = self.on_data(server)
        if answer.startswith("250"):
            assert isinstance(envelope.content, bytes)
            self.mailbox.append(envelope.content)
        return answer

    def message_ids(self) -> list[str]:
        return [str(read(data)["Message-ID"]) for data in self.mailbox]

    @asynccontextmanager
    async def listening(self, port: int = 0, *, implicit: ssl.SSLContext | None = None, **options: Any) -> AsyncIterator[int]:
        """Listen on this port or a free one. `implicit` wraps the whole connection; `options` are the SMTP library's own."""
        connect = partial(SmtpServer, self, enable_SMTPUTF8=False, **options)
        server = await asyncio.get_running_loop().create_server(connect, "127.0.0.1", port, ssl=implicit)
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

    def __init__(
        self, settings: Settings, port: int, pack: Pack = VN, channels: frozenset[LetterChannel] = domain.EMAIL_ALONE
    ) -> None:
        self.pack = pack
        self.settings = settings.model_copy(
            update={
                "smtp": SmtpSettings(host="127.0.0.1", port=port, connections=4, timeout_seconds=10),
                "notify": NotifySettings(batch=20, refusals=5, backoff_seconds=5, lease_seconds=60, letters_per_address=0),
            }
        )
        self.time = HandTime()
        self.facts: list[Fact] = []
        self.client = mongo.make_client(settings.mongo)
        self.database = mongo.database(self.client, settings.namespace, "notify")
        self.store = NotifyStore(self.database)
        self.bounds = DayBounds(self.database)
        self.composer = Composer(pack, self.settings.smtp.sender, "https://pakn.example")
        self.handler = LetterHandler(
            self.store, pack.letters, self.composer.version, self.time.machine, lambda: secrets.token_hex(16), channels
        )
        self.pools: list[Pool] = []
        self.mailer = self.new_mailer()

    def new_mailer(self) -> Mailer:
        """Another instance on the same database."""
        pool = Pool(self.settings.smtp, 30)
        self.pools.append(pool)
        return self.mailer_of(Email(self.composer, pool, self.settings.notify), f"mailer-{id(pool)}")

    def mailer_of(self, channel: Channel, instance: str) -> Mailer:
        """A mailer of a process of this name."""
        tokens = (f"{instance}-{number}" for number in range(10_000))
        return Mailer(
            self.store, self.bounds, self.composer, channel, self.settings.notify, self.time, lambda: next(tokens), instance
        )

    def announcer_of(self, mailer: Mailer) -> Announcer:
        return Announcer(self.store, self.time, mailer.instance)

    async def collect_bounces(self, mbox: Path) -> None:
        """Look into the mailbox at this path once, as a process that has just started."""
        reader = BounceReader(sender_domain(self.settings.smtp.sender))
        await Collector(MboxMailbox(MboxFile(str(mbox))), reader, self.store, Positions(self.database), self.time).collect()

    async def __aenter__(self) -> Self:
        await self.store.prepare(self.composer.version, self.pack.templates)
        await self.bounds.prepare()
        return self

    async def __aexit__(self, *_: object) -> None:
        for pool in self.pools:
            await pool.close()
        await self.client.drop_database(self.database.name)
        await mongo.close(self.client)

    async def publish(self, facts: Sequence[Fact]) -> None:
        self.facts += facts

    async def tick(self) -> None:
        await self.mailer.tick()
        await self.announcer_of(self.mailer).announce(self.publish)

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


def case_id(number: int) -> str:
    return f"01890a5d-ac96-774b-bcce-{number:012x}"


def received(event: BaseModel, id: str = "", when: datetime = START, topic: str = "feedback") -> Received:
    """An event as a handler gets it; one without an `id` has its own by its feedback and its name."""
    feedback_id = getattr(event, "feedback_id", case_id(1))
    name = type(event).__name__
    envelope = Envelope(id or schemas.derived_id(feedback_id, name), f"pakn.{name}.v1", name, "/test", when, feedback_id, "")
    return Received(envelope, event, TopicName.parse(f"t.{topic}"), 0, 0, when, Mock(topic=f"t.{topic}", partition=0, offset=0))


def common(number: int) -> dict[str, Any]:
    return {"feedback_id": case_id(number), "code": f"PAKN.20260302.{number:04}"}


def submitted(number: int = 1) -> Any:
    return example("FeedbackSubmitted", **common(number), submitted_at=START, received_at=START)


def contact(number: int = 1, email: str | None = "a@example.org", phone: str | None = "0912345678") -> Any:
    return example("ContactRecorded", **common(number), email=email, phone=phone)


def assigned() -> Any:
    return example("FeedbackAssigned", **common(1), submitted_at=START, assigned_at=START)


def deadline_set() -> Any:
    return clock_change("set", common(1), started_at=START, due_at=START, due_date="2026-03-23")


def not_counted() -> Any:
    return clock_change("not_counted", common(1), started_at=START)
