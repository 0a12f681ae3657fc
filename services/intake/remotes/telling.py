"""Tells a portal's Open311 interface of each step of its cases: at least once, each case's in order.

A step has the same update_id at each try; tries end within bounds.

The request is that of FixMyStreet's extension of GeoReport v2 (POST servicerequestupdates). Steps wait in the database, each
portal's for itself, so that one that is away stops nobody else.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import schemas
from pakn import metrics
from pakn.engine.mongo import Database
from pakn.legal_time import LegalTime
from pakn.logs import logger
from pakn.packs.load import Pack
from pakn.packs.models import Portal
from schemas import Fact, topics
from schemas.states import CLOSED_STATES, STATE_AFTER
from services.intake.doors.open311 import answers, words
from services.intake.remotes import reading
from services.intake.remotes.client import RemoteClient, Unanswered, Why
from services.intake.remotes.store import RemoteStore

log = logger(__name__)
_AT_ONCE: Final = 50
_TURN_SECONDS: Final = 30.0 * _AT_ONCE
_TRIED_FOR: Final = timedelta(days=3)
_MOST_REFUSALS: Final = 5
_LONGEST_PAUSE: Final = timedelta(hours=1)


class Update(NamedTuple):
    """A step that waits to be told: the fields of the request, and how often and since when it was tried (machine time)."""

    id: str
    told: dict[str, str]
    tries: int
    next_at: datetime
    since: datetime


# Steps of one moment in the order in which they were noted, which is that of the facts.
_ORDER: Final = [("at", 1), ("noted", 1), ("_id", 1)]


class Later(NamedTuple):
    """Why a step was not taken, and when it is tried again (machine time)."""

    why: Why
    next_at: datetime


class Updates:
    """The steps that wait, in one database. Every method may raise PyMongoError."""

    def __init__(self, database: Database, pack: Pack, time: LegalTime) -> None:
        self._updates = database["open311_updates"]
        self._pack = pack
        self._time = time
        portals = [portal.id for portal in pack.header.portals if portal.open311 and portal.open311.tell]
        self._outboxes = {topics.outbox(portal) for portal in portals}

    async def prepare(self) -> None:
        """Create the index that is missing."""
        await self._updates.create_index([("portal", 1), ("waits", 1), *_ORDER])

    async def note(self, facts: Sequence[Fact]) -> None:
        """Let what portals hear wait for those that are told by Open311. May be repeated: a fact is noted once."""
        now = self._time.machine()
        noted = int(now.timestamp() * 1_000_000)
        for number, fact in enumerate(facts):
            if not self._outboxes.isdisjoint(fact.topics) and (update := told(self._pack, fact)):
                portal, fields = update
                row = {"portal": portal, "waits": True, "at": fact.time, "noted": noted + number, "told": fields}
                row |= {"tries": 0, "next_at": now, "since": now}
                await self._updates.update_one({"_id": fact.id}, {"$setOnInsert": row}, upsert=True)

    async def waiting(self, portal: str, now: datetime) -> list[Update]:
        """The first steps that may be told to a portal, in order; none of a case that has a step to be tried later than `now`."""
        waits = {"portal": portal, "waits": True}
        held = await self._updates.distinct("told.service_request_id", waits | {"next_at": {"$gt": now}})
        found = self._updates.find(waits | {"told.service_request_id": {"$nin": held}}).sort(_ORDER).limit(_AT_ONCE)
        return [Update(row["_id"], row["told"], row["tries"], row["next_at"], row["since"]) for row in await found.to_list(None)]

    async def settle(self, id: str, *, was_sent: bool) -> None:
        """Note that a step was told, or given up; what was said is not kept."""
        await self._updates.update_one({"_id": id}, {"$set": {"waits": False, "was_sent": was_sent}, "$unset": {"told": ""}})

    async def put_off(self, update: Update, next_at: datetime) -> None:
        """Try a step again later."""
        await self._updates.update_one({"_id": update.id}, {"$set": {"tries": update.tries + 1, "next_at": next_at}})


class Teller:
    """Tells one portal; `seconds` lie between two turns, and before the second try of a step."""

    def __init__(
        self, portal: Portal, client: RemoteClient, updates: Updates, store: RemoteStore, time: LegalTime, seconds: float
    ) -> None:
        self._portal = portal.id
        self._client = client
        self._updates = updates
        self._store = store
        self._time = time
        self._seconds = seconds

    async def tick(self) -> None:
        """One turn. Raises PyMongoError; whatever is wrong with the portal is counted and logged."""
        # No portal's id has a slash: the turns of asking and of telling are apart.
        turn, now = f"{self._portal}/tell", self._time.machine()
        if await self._store.take_turn(turn, self._time.now(), now, _TURN_SECONDS) is None:
            return
        held: set[str] = set()
        free_at: datetime | None = None
        try:
            for update in await self._updates.waiting(self._portal, now):
                case = update.told["service_request_id"]
                # What stands behind a step that is tried again waits too: the other side hears of each case in order.
                if case in held or (later := await self._tell(update)) is None:
                    continue
                if later.why == "away":
                    free_at = later.next_at
                    break
                held.add(case)
        finally:
            await self._store.release(turn, free_at or self._time.machine())

    async def _tell(self, update: Update) -> Later | None:
        """When a step that was not taken is tried again; none where the next one of its case may go."""
        try:
            await self._client.update(update.told)
        except Unanswered as error:
            metrics.open311_updates.labels(self._portal, error.why).inc()
            log.warning("open311_update_failed", portal=self._portal, update=update.id, why=error.why, detail=error.detail)
            next_at = tried_again(update, error.why, self._time.machine(), self._seconds)
            if next_at is not None:
                await self._updates.put_off(update, next_at)
                return Later(error.why, next_at)
            metrics.open311_updates.labels(self._portal, "given_up").inc()
            log.error("open311_update_given_up", portal=self._portal, update=update.id)
            await self._updates.settle(update.id, was_sent=False)
            return None
        metrics.open311_updates.labels(self._portal, "sent").inc()
        await self._updates.settle(update.id, was_sent=True)
        return None


def told(pack: Pack, fact: Fact) -> tuple[str, dict[str, str]] | None:
    """Which portal is told what of a step; none where it is not told by Open311, or the step changes nothing that all may see.

    It has the words that anybody may read by the code, since the other side shows it to anybody: of what officers wrote the
    published reply alone.
    """
    if fact.name != "SubmissionProgressed":
        return None
    event = schemas.SubmissionProgressed.model_validate_json(fact.data)
    portal = pack.portal(event.portal)
    state = STATE_AFTER.get(event.step)
    if portal is None or portal.open311 is None or not portal.open311.tell or state is None:
        return None
    reason, right_channel = (None, None) if event.agency else (event.reason, event.right_channel)
    notes = words.load(pack.header.default_language)["note"]
    return portal.id, {
        "update_id": fact.id,
        "service_request_id": event.submission_id,
        "updated_datetime": reading.written(event.happened_at),
        "status": "CLOSED" if state in CLOSED_STATES else "OPEN",
        "description": answers.note(state, event.reply, reason, right_channel, notes),
    }


def tried_again(update: Update, why: Why, now: datetime, seconds: float) -> datetime | None:
    """When a step that was not taken is tried again; none where it is given up: refused often, or away for days. Pure."""
    if now - update.since >= _TRIED_FOR or (why != "away" and update.tries + 1 >= _MOST_REFUSALS):
        return None
    pause: timedelta = min(timedelta(seconds=seconds * 2 ** min(update.tries, 20)), _LONGEST_PAUSE)
    return now + pause
