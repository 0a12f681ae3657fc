"""Asks a portal's Open311 interface for new requests again and again, and posts each to the portal's own topic.

There it is a submission like every other of the portal's: registered once by its id, answered in the portal's outbox, refused with
every fault. A poll that ends half-way begins again where the last whole one ended.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from pakn import metrics
from pakn.legal_time import LegalTime
from pakn.logs import logger
from pakn.packs.load import Pack
from pakn.packs.models import Portal
from schemas import Fact, topics
from services.intake.remotes import reading
from services.intake.remotes.client import RemoteClient, Unanswered
from services.intake.remotes.reading import Read, Strange
from services.intake.remotes.store import Cursor, RemoteStore

log = logger(__name__)
_PAGE_ROWS: Final = 100
_MOST_PAGES: Final = 20
# The standard's bound on an answer: one so long may have been cut off.
_CUT_OFF_ROWS: Final = 1000
# No server is expected to list fewer by default. A longer list that comes again as the second page is from a server that knows no
# pages, and may have been cut off anywhere.
_LEAST_BOUND_ROWS: Final = 20
# Questions of one turn, after which the next turn goes on.
_MOST_WINDOWS: Final = 10
# For which others leave a portal alone; a turn that takes longer is repeated without effect.
_TURN_SECONDS: Final = 600.0
Publish = Callable[[Sequence[Fact]], Awaitable[None]]


class Poller:
    """Polls one portal."""

    def __init__(
        self,
        pack: Pack,
        portal: Portal,
        client: RemoteClient,
        store: RemoteStore,
        publish: Publish,
        time: LegalTime,
        seconds: float,
    ) -> None:
        """`seconds` lie between two turns; of several processes, one asks in that time."""
        assert portal.open311 is not None
        self._pack = pack
        self._portal = portal
        self._remote = portal.open311
        self._client = client
        self._store = store
        self._publish = publish
        self._time = time
        self._seconds = seconds

    async def tick(self) -> None:
        """One turn. Raises PyMongoError and KafkaError; whatever is wrong with the portal is counted and logged."""
        portal, now = self._portal.id, self._time.machine()
        cursor = await self._store.take_turn(portal, self._time.now(), now, _TURN_SECONDS)
        if cursor is not None:
            try:
                await self._ask(cursor)
                metrics.open311_polls.labels(portal, "good").inc()
            except Unanswered as error:
                metrics.open311_polls.labels(portal, error.why).inc()
                log.warning("open311_poll_failed", portal=portal, why=error.why, detail=error.detail)
            finally:
                await self._store.release(portal, self._time.machine() + timedelta(seconds=self._seconds / 2))
        if good_at := await self._store.good_at(portal):
            metrics.open311_polled.labels(portal).set(good_at.timestamp())

    async def _ask(self, cursor: Cursor) -> None:
        for _ in range(_MOST_WINDOWS):
            now = self._time.now()
            since, until = reading.window(cursor.known_until, cursor.span, now)
            was_whole = await self._take_all(since, until)
            # The shortest span cannot be asked for in parts.
            known = was_whole or cursor.span <= reading.SHORTEST
            if known and not was_whole:
                metrics.open311_polls.labels(self._portal.id, "cut_off").inc()
                log.warning("open311_more_than_can_be_asked_for", portal=self._portal.id, until=until.isoformat())
            span = reading.next_span(cursor.span, was_whole=was_whole)
            cursor = Cursor(max(until, cursor.known_until) if known else cursor.known_until, span)
            await self._store.move(self._portal.id, cursor, self._time.machine())
            if known and until >= now:
                return

    async def _take_all(self, since: datetime, until: datetime) -> bool:
        """Take the requests of a span, page by page; false where there may be more than were given."""
        by_change = self._remote.by == "updated_after"
        first, last = ("updated_after", "updated_before") if by_change else ("start_date", "end_date")
        asked = {first: reading.written(since), last: reading.written(until), "status": "open", "page_size": str(_PAGE_ROWS)}
        seen: set[str] = set()
        longest = 0
        for page in range(1, _MOST_PAGES + 1):
            found = await self._page(asked | {"page": str(page)}, page)
            longest = max(longest, len(found.requests))
            # A server that knows no pages gives the same one again.
            new = {id: fields for id, fields in found.requests.items() if id not in seen}
            if found.unreadable and (new or page == 1):
                metrics.open311_requests.labels(self._portal.id, "unreadable").inc(found.unreadable)
                log.warning("open311_requests_unreadable", portal=self._portal.id, count=found.unreadable)
            if not new:
                repeats_first = page == 2 and bool(found.requests)
                return longest < (_LEAST_BOUND_ROWS if repeats_first else _CUT_OFF_ROWS)
            seen |= new.keys()
            await self._take(Read(new, found.unreadable))
        return False

    async def _page(self, asked: dict[str, str], page: int) -> Read:
        try:
            return reading.read(await self._client.requests(asked), self._remote.format)
        except Strange as error:
            raise Unanswered("strange", str(error)) from None
        except Unanswered as error:
            if page > 1 and error.detail in ("400", "404"):
                return Read({}, 0)  # There is no such page.
            raise

    async def _take(self, found: Read) -> None:
        portal = self._portal.id
        wanted = {id: fields for id, fields in found.requests.items() if reading.is_open(fields)}
        new = await self._store.new_among(portal, wanted.keys())
        metrics.open311_requests.labels(portal, "known").inc(len(found.requests) - len(new))
        if not new:
            return
        now = self._time.now()
        facts = [reading.posted(self._pack, self._portal, id, wanted[id], now) for id in wanted if id in new]
        # One that no topic takes would hold up all that the portal has behind it.
        fitting = [fact for fact in facts if len(fact.data.encode()) <= topics.MOST_RECORD_BYTES]
        await self._publish(fitting)
        await self._store.note_taken(portal, new)
        metrics.open311_requests.labels(portal, "taken").inc(len(fitting))
        if too_large := len(facts) - len(fitting):
            metrics.open311_requests.labels(portal, "unreadable").inc(too_large)
            log.warning("open311_requests_unreadable", portal=portal, count=too_large)
