"""Puts notify together: the only file of this service that picks concrete classes."""

import secrets
import uuid
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from pakn.engine.process import Role, Service
from pakn.engine.received import Tombstone
from pakn.engine.turn import Turn
from pakn.legal_time import LegalTime, make_legal_time
from pakn.logs import logger
from pakn.mailboxes import ImapFolder, MboxFile
from pakn.packs.load import Pack, load_pack
from pakn.settings import Settings
from schemas import topics
from services.notify import domain
from services.notify.announcements import Announcer
from services.notify.bounces.collector import Collector
from services.notify.bounces.imap import ImapMailbox
from services.notify.bounces.mailbox import Mailbox
from services.notify.bounces.mbox import MboxMailbox
from services.notify.bounces.positions import Positions
from services.notify.bounces.reader import BounceReader
from services.notify.channels.channel import Channel
from services.notify.channels.email import Email, Pool, Transport
from services.notify.channels.sms import Sms
from services.notify.day_bounds import DayBounds
from services.notify.decisions import LetterHandler
from services.notify.letters.compose import Composer, sender_domain
from services.notify.mailer import Mailer
from services.notify.store import NotifyStore

log = logger(__name__)
NAME: Final = "notify"
_NO_GATEWAY = domain.Settlement("failed", "no SMS gateway is set", announced=True)
# A hand-over ends before its lease does, so that a letter that is under way is never taken for lost.
_PART_OF_LEASE = 0.75
# A letter may wait a moment for what belongs to it: contact, submission, assignment and limit of a case come together.
_GATHER_MS = 250


def build_app(
    settings: Settings,
    role: Role | None = None,
    *,
    time: LegalTime | None = None,
    pack: Pack | None = None,
    transport: Transport | None = None,
) -> Service:
    """Wire the service; connects to nothing. Raises PackError when the pack has faults, ValueError on a bad sender address."""
    pack = pack or load_pack(settings.pack)
    time = time or make_legal_time(settings.legal_time.file)
    service = Service(NAME, settings, role)
    store = NotifyStore(service.database)
    composer = Composer(pack, settings.smtp.sender, settings.intake.public_url)
    pool = Pool(settings.smtp, settings.notify.lease_seconds * _PART_OF_LEASE)
    sms = _sms(settings, pack, composer)
    channels: list[Channel] = [Email(composer, transport or pool, settings.notify), *([sms] if sms else [])]
    instance, bounds = uuid.uuid4().hex, DayBounds(service.database)
    mailers = [
        Mailer(store, bounds, composer, channel, settings.notify, time, lambda: uuid.uuid4().hex, instance) for channel in channels
    ]
    announcer = Announcer(store, time, instance)
    names = frozenset(channel.name for channel in channels)
    handler = LetterHandler(store, pack.letters, composer.version, time.machine, lambda: secrets.token_hex(16), names)
    wanted = domain.wanted(pack.letters) | {Tombstone.__name__}
    explains = service.reachability.explains
    turn = Turn(settings, NAME, service.broker, handler, wanted, service.progress.note, explains=explains)
    service.subscribe(topics.read_by(NAME, (), ()), turn.on_message, gather_ms=_GATHER_MS)

    async def prepare() -> None:
        await store.prepare(composer.version, pack.templates)
        await bounds.prepare()
        if sms is None and (left := await store.give_up("sms", _NO_GATEWAY, now=time.machine(), legal=time.now())):
            log.error("texts_without_a_gateway", count=left)

    def sending(mailer: Mailer) -> Callable[[], Awaitable[None]]:
        async def send() -> None:
            try:
                await service.every(settings.notify.tick_seconds, mailer.tick)
            finally:
                await mailer.channel.close()

        return send

    async def announce() -> None:
        # Letters go out without Kafka; only what became of them has to wait for it.
        await service.connected.wait()
        await service.every(settings.notify.tick_seconds, partial(announcer.announce, service.publish))

    async def collect_bounces() -> None:
        if address := settings.notify.bounces:
            reader = BounceReader(sender_domain(settings.smtp.sender))
            collector = Collector(_mailbox(address), reader, store, Positions(service.database), time)
            await service.every(settings.notify.bounces_seconds, collector.collect)

    count = partial(service.every, settings.gauge_seconds, announcer.count)
    return service.build(prepare, [*map(sending, mailers), announce, collect_bounces, count])


def _sms(settings: Settings, pack: Pack, composer: Composer) -> Sms | None:
    """Text messages, where there is a gateway and the pack says of which country the numbers are."""
    gateway, region = settings.sms.gateway, pack.letters.phone_region
    if gateway is None:
        return None
    if region is None:
        log.warning("no_texts", reason="letters.yaml of the pack has no phone_region")
        return None
    return Sms(composer, settings.sms, gateway, region, settings.notify.lease_seconds * _PART_OF_LEASE)


def _mailbox(address: MboxFile | ImapFolder) -> Mailbox:
    return MboxMailbox(address) if isinstance(address, MboxFile) else ImapMailbox(address)
