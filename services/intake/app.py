"""Puts intake together: the only file of this service that picks concrete classes."""

import uuid
from datetime import timedelta
from functools import partial
from typing import Final

from pydantic import BaseModel
from uuid_utils import compat as uuid_utils

from pakn.engine import tombstones
from pakn.engine.problems import Problem
from pakn.engine.process import Job, Role, Service
from pakn.engine.turn import Turn
from pakn.legal_time import LegalTime, make_legal_time
from pakn.packs.load import Pack, load_pack
from pakn.settings import Settings, networks
from schemas import topics
from services.intake.denied_tokens import DeniedTokens
from services.intake.doors import openapi, routes
from services.intake.doors.agency_files import NAME as REPLY_FILE
from services.intake.doors.agency_files import AgencyFiles
from services.intake.doors.api_pages import pages as api_pages
from services.intake.doors.http import Api
from services.intake.doors.lists import Lists
from services.intake.doors.open311 import document as open311_document
from services.intake.doors.open311 import routes as open311
from services.intake.doors.open311.door import GeoReport
from services.intake.doors.pages import routes as pages
from services.intake.doors.pages.alike import Alike
from services.intake.doors.pages.case import CasePages
from services.intake.doors.pages.drafts import Drafts
from services.intake.doors.pages.follow import Follow
from services.intake.doors.pages.home import Home
from services.intake.doors.pages.looks import LooksPage
from services.intake.doors.pages.opened import Opened
from services.intake.doors.pages.replies import Replies
from services.intake.doors.pages.send import Send
from services.intake.doors.pages.site import Site
from services.intake.doors.portal_acts import NAMES as PORTAL_ACTS
from services.intake.doors.portal_acts import PortalActs
from services.intake.doors.portals import WANTED, IntakeHandler
from services.intake.doors.tokens import Tokens
from services.intake.doors.uploads import UploadLimits, Uploads
from services.intake.erasing import Erasing
from services.intake.erasure import Erasure, Retention
from services.intake.file_store import FileStore
from services.intake.files.images import Images
from services.intake.files.scanner import Scanner
from services.intake.inspection import Inspection
from services.intake.listing import Listing
from services.intake.look_up import LookUp
from services.intake.looks import Looks
from services.intake.outbox import Outbox
from services.intake.publications import Publications
from services.intake.published import shows
from services.intake.rate_limits import RateLimits
from services.intake.reception import Reception
from services.intake.registration import GroupCommit, Registrar
from services.intake.remotes.portals import Remotes
from services.intake.remotes.store import RemoteStore
from services.intake.remotes.telling import Updates
from services.intake.sender_acts import SenderActs
from services.intake.similar import Similar
from services.intake.store import IntakeStore
from services.intake.unfinished import Unfinished

NAME: Final = "intake"
# What is shown of a feedback may follow a moment later: the facts of a case then make one write.
_GATHER_MS = 200
_SWEEP_FILES_SECONDS = 60


def _new_id() -> str:
    return str(uuid_utils.uuid7())


def build_app(
    settings: Settings,
    role: Role | None = None,
    *,
    time: LegalTime | None = None,
    pack: Pack | None = None,
    instance: str | None = None,
) -> Service:
    """Wire the service; connects to nothing. Raises PackError when the pack has faults, ValueError without a secret key."""
    secret_key = settings.intake.secret_key.get_secret_value()
    if len(secret_key) < 32:
        raise ValueError("PAKN_INTAKE__SECRET_KEY must have at least 32 characters; make one with: openssl rand -hex 32")
    pack = pack or load_pack(settings.pack)
    time = time or make_legal_time(settings.legal_time.file)
    service = Service(NAME, settings, role)
    # Requests do not wait for a database that is away; what is read from Kafka does.
    store, asked_store = IntakeStore(service.database), IntakeStore(service.http_database)
    files, asked_files = FileStore(service.database, time.machine), FileStore(service.http_database, time.machine)
    intake = settings.intake
    limits = UploadLimits(intake.uploads, intake.upload_seconds, intake.silent_seconds, networks(intake.unlimited_networks))
    scanner = Scanner(settings.intake.clamd) if settings.intake.clamd else None
    images = Images(pack.header.attachments.max_bytes)
    inspection = Inspection(pack, files, images, scanner, service.progress.excuse, Unfinished())
    # The files of requests say nothing of a consumer that hangs.
    asked_inspection = Inspection(pack, asked_files, images, scanner)
    explains = service.reachability.explains
    outbox = Outbox(store, service.publish, time, instance or str(uuid.uuid4()), explains)
    registrar = Registrar(store, pack, secret_key)
    reception = Reception(pack, inspection.inspect, files.keep, registrar.register, store.glance)
    portal_acts = PortalActs(pack.header, store, inspection, files, time)
    takes = dict.fromkeys(PORTAL_ACTS, portal_acts.take) | {REPLY_FILE: AgencyFiles(store, inspection, files, time).take}
    publications = Publications(service.database, store, shows(pack))
    updates = Updates(service.database, pack, time)
    handler = IntakeHandler(pack, store, reception, takes, service.publish, time, refresh=publications.refresh, note=updates.note)
    note = service.progress.note
    turn = Turn(settings, NAME, service.broker, handler, WANTED, note, handler.refuse, explains, service.isolation.put_off)
    agencies = [agency.id for agency in pack.agencies_not_ended(time.now().date())]
    wanted = topics.read_by(NAME, agencies, [portal.id for portal in pack.header.portals])
    service.subscribe(wanted, turn.on_message, gather_ms=_GATHER_MS)
    group_commit = GroupCommit(
        Registrar(asked_store, pack, secret_key),
        outbox,
        settings.intake.flush_milliseconds / 1000,
        settings.intake.flush_documents,
    )
    tokens = Tokens(intake.token_keys, DeniedTokens(service.http_database).is_denied)
    looks = Looks(service.http_database, time, intake.looks_days)
    api = Api(
        pack=pack,
        looks=looks,
        look_ups=LookUp(asked_store, pack.header.code_prefix, secret_key),
        reception=Reception(pack, asked_inspection.inspect, asked_files.keep, group_commit.register, asked_store.glance),
        acts=SenderActs(asked_store, outbox, time),
        inspection=asked_inspection,
        files=asked_files,
        uploads=Uploads(asked_files, pack.header.attachments, limits, _new_id),
        time=time,
        tokens=tokens,
        secret_key=secret_key,
        public_url=settings.intake.public_url,
        new_id=_new_id,
    )

    rate_limits = RateLimits(service.http_database, settings.intake, time.machine, service.reachability.suspect)
    more_doors = []
    if pack.open311 is not None:
        door = GeoReport(
            pack=pack,
            about=pack.open311,
            listing=Listing(service.http_database, pack.public),
            reception=api.reception,
            uploads=api.uploads,
            time=time,
            tokens=tokens,
            public_url=settings.intake.public_url,
            new_id=_new_id,
            suspect=service.reachability.suspect,
            told=rate_limits.told,
        )
        more_doors += open311.open311(door)

    bury = partial(tombstones.publish, service.broker, settings.namespace)
    kept_looks = Looks(service.database, time, intake.looks_days)
    retention = Retention(Erasure(service.database, kept_looks, time), time, intake.erase_closed_days)
    erasing = Erasing(store, bury, time.machine, timedelta(seconds=settings.kafka.erased_seconds))

    asked_publications = Publications(service.http_database, asked_store, shows(pack))
    site = Site(pack, settings.intake.public_url, secret_key)
    opened = Opened(site, time.machine)
    drafts = Drafts(asked_files)
    accepted = [category.id for category in pack.categories if category.accepted]
    alike = Alike(site, Similar(service.http_database, asked_publications, accepted, pack.public), api.uploads)
    send = Send(
        site,
        api.reception,
        api.uploads,
        drafts,
        alike,
        api.look_ups,
        opened,
        time,
        _new_id,
        settings.intake.form_seconds,
    )
    case = CasePages(site, api.look_ups, api.uploads, opened, asked_files, api.acts, asked_inspection, secret_key, _new_id, time)
    replies = Replies(site, asked_publications, asked_files, time)
    follow = Follow(site, api.look_ups, api.uploads, opened, case, rate_limits)
    looks_page = LooksPage(site, api.look_ups, opened, looks)
    people = pages.pages(site, Home(site, time), send, alike, follow, case, looks_page, replies, service.reachability.suspect)

    remotes = Remotes(pack, settings.intake, RemoteStore(service.database), updates, service.publish, time)

    async def prepare() -> None:
        await store.prepare()
        await kept_looks.prepare()
        await retention.prepare()
        await Listing(service.database).prepare()
        await Similar(service.database, publications, accepted).prepare()
        await files.prepare()
        await rate_limits.prepare()
        await publications.prepare()
        await updates.prepare()
        if service.answers:
            # A place without a mark would never be swept, so this instance is known before it stores anything.
            await outbox.heartbeat()

    async def build_publications() -> None:
        await publications.build()

    async def sweep_files() -> None:
        await files.sweep()

    async def erase() -> None:
        await service.connected.wait()
        await service.every(settings.intake.sweep_seconds, erasing.tick)

    async def take_turns(turn: Job) -> None:
        await service.connected.wait()
        await service.every(settings.intake.open311_seconds, turn)

    async def sweep() -> None:
        await service.connected.wait()
        await outbox.sweep_all_others()
        await service.every(settings.intake.sweep_seconds, outbox.sweep)

    # A worker sweeps too: where no web runs, what one has left is published all the same.
    jobs: list[Job] = [sweep]
    if service.answers:
        # What a request has stored is published by the process that stored it, so this is the web's.
        jobs += [group_commit.run, outbox.run, partial(service.every, settings.intake.sweep_seconds, outbox.heartbeat)]
    if service.reads:
        # Again and again, since the database may be away at the start; what is built is not built again.
        jobs += [erase, partial(service.every, _SWEEP_FILES_SECONDS, build_publications)]
        jobs += [partial(service.every, _SWEEP_FILES_SECONDS, sweep_files)]
        jobs += [partial(service.every, _SWEEP_FILES_SECONDS, retention.tick)]
        # Each portal has turns of its own: one that is away lets nobody wait.
        jobs += [partial(take_turns, turn) for turn in remotes.turns]
    for_programs = [*routes.reference(Lists(pack, settings, tokens)), *api_pages.pages(), openapi.asyncapi]
    service.build(
        prepare,
        jobs,
        [*people, *routes.feedback(api), *more_doors, *for_programs],
        openapi_config=openapi.config(),
        guards=[rate_limits.guard],
        after_exception=[rate_limits.note_failure],
        exception_handlers={Problem: rate_limits.answer},
        # What is not there is left out of an answer.
        type_encoders={BaseModel: lambda model: model.model_dump(mode="json", exclude_none=True)},
    )
    if service.answers:
        openapi.complete(service.app)
        open311_document.add_to(service.app)
    return service
