"""Puts intake together: the only file of this service that picks concrete classes."""

import uuid
from functools import partial
from typing import Final

from pydantic import BaseModel
from uuid_utils import compat as uuid_utils

from pakn.engine.process import Service, every
from pakn.engine.turn import Turn
from pakn.legal_time import LegalTime, make_legal_time
from pakn.packs.load import Pack, load_pack
from pakn.settings import Settings
from schemas import topics
from services.intake.doors import openapi
from services.intake.doors.http import Api
from services.intake.doors.portals import WANTED, IntakeHandler
from services.intake.doors.uploads import UploadLimits, Uploads
from services.intake.file_store import FileStore
from services.intake.files.images import Images
from services.intake.files.scanner import Scanner
from services.intake.inspection import Inspection
from services.intake.outbox import Outbox
from services.intake.rate_limits import RateLimits
from services.intake.reception import Reception
from services.intake.registration import GroupCommit, Registrar
from services.intake.sender_acts import SenderActs
from services.intake.store import IntakeStore

NAME: Final = "intake"
# What is shown of a feedback may follow a moment later: the facts of a case then make one write.
_GATHER_MS = 200
_SWEEP_FILES_SECONDS = 60


def _new_id() -> str:
    return str(uuid_utils.uuid7())


def build_app(
    settings: Settings, *, time: LegalTime | None = None, pack: Pack | None = None, instance: str | None = None
) -> Service:
    """Wire the service; connects to nothing. Raises PackError when the pack has faults, ValueError without a secret key."""
    secret_key = settings.intake.secret_key.get_secret_value()
    if len(secret_key) < 32:
        raise ValueError("PAKN_INTAKE__SECRET_KEY must have at least 32 characters; make one with: openssl rand -hex 32")
    pack = pack or load_pack(settings.pack)
    time = time or make_legal_time(settings.legal_time.file)
    service = Service(NAME, settings)
    store = IntakeStore(service.database)
    files = FileStore(service.database, time.machine)
    limits = UploadLimits(settings.intake.uploads, settings.intake.upload_seconds, settings.intake.silent_seconds)
    scanner = Scanner(settings.intake.clamd) if settings.intake.clamd else None
    inspection = Inspection(pack, files, Images(), scanner)
    outbox = Outbox(store, service.publish, time, instance or str(uuid.uuid4()))
    registrar = Registrar(store, pack, secret_key)
    group_commit = GroupCommit(registrar, outbox, settings.intake.flush_milliseconds / 1000, settings.intake.flush_documents)
    handler = IntakeHandler(pack, store, Reception(pack, inspection.inspect, files.keep, registrar.register, store.load), time)
    turn = Turn(
        settings,
        NAME,
        service.broker,
        handler,
        WANTED,
        service.fatal,
        service.note_progress,
        handler.refuse,
        service.isolation.put_off,
    )
    wanted = topics.read_by(NAME, (), [portal.id for portal in pack.header.portals])
    subscriber = service.isolation.subscribe(service.broker, wanted, turn.on_message, gather_ms=_GATHER_MS)
    api = Api(
        pack=pack,
        store=store,
        reception=Reception(pack, inspection.inspect, files.keep, group_commit.register, store.load),
        acts=SenderActs(store, outbox, time),
        inspection=inspection,
        files=files,
        uploads=Uploads(files, pack.header.attachments, limits, _new_id),
        time=time,
        secret_key=secret_key,
        public_url=settings.intake.public_url,
        new_id=_new_id,
        ready=service.prepared.is_set,
    )

    rate_limits = RateLimits(service.database, settings.intake, time.machine, service.prepared.is_set)

    async def prepare() -> None:
        await store.prepare()
        await files.prepare()
        await rate_limits.prepare()
        # A place without a mark would never be swept, so this instance is known before it stores anything.
        await outbox.heartbeat()

    async def sweep_files() -> None:
        await files.sweep()

    async def sweep() -> None:
        await service.connected.wait()
        await outbox.sweep_all_others()
        await every(settings.intake.sweep_seconds, outbox.sweep)

    service.build(
        subscriber,
        prepare,
        [
            group_commit.run,
            outbox.run,
            partial(every, settings.intake.sweep_seconds, outbox.heartbeat),
            sweep,
            partial(every, _SWEEP_FILES_SECONDS, sweep_files),
        ],
        api.routes(),
        # Intake takes feedback while Kafka is away, so it must get requests then too.
        ready_without_kafka=True,
        openapi_config=openapi.config(),
        guards=[rate_limits.guard],
        after_exception=[rate_limits.note_failure],
        # What is not there is left out of an answer.
        type_encoders={BaseModel: lambda model: model.model_dump(mode="json", exclude_none=True)},
    )
    openapi.add_schemas(service.app)
    return service
