"""Keeps the law up to date in a running instance: the calendars that were applied, and since when each correction is known.

What is new is written down with an instant that lies a little ahead, so that every instance has read it by then and all
judge by the same law at the same time. `app.py` runs `read`; handlers, ticker and pages ask for `current`.
"""

from datetime import datetime, timedelta

from services import metrics
from services.clock import Clock
from services.deadlines.law import Law
from services.deadlines.store import DeadlinesStore
from services.deadlines.workdays import WorkDays
from services.logs import logger
from services.packs import Pack

log = logger(__name__)


def lead(read_seconds: float) -> timedelta:
    """How far ahead of its announcement a correction holds, where instances look for one every `read_seconds`."""
    return timedelta(seconds=3 * read_seconds)


class Lawbook:
    """One instance's law. Reading adds to it; what holds changes when the instant of a correction has come."""

    def __init__(self, pack: Pack, store: DeadlinesStore, clock: Clock, lead: timedelta) -> None:
        self._pack = pack
        self._store = store
        self._clock = clock
        self._lead = lead
        # By version and by (rule set, revision): since when they hold, in the machine's time.
        self._calendars: dict[str, tuple[datetime, WorkDays]] = {}
        self._revisions: dict[tuple[str, int], datetime] = {}
        self._coming: list[datetime] = []
        self._law = Law(pack, WorkDays(pack.calendar))

    async def prepare(self) -> None:
        """Write down what this pack brings, where it is new, and read what is known. Raises PyMongoError."""
        holds_at = self._clock.machine() + self._lead
        await self._store.keep_calendar(self._pack.calendar, holds_at)
        for rule_set in self._pack.rule_sets:
            await self._store.keep_revision(rule_set.id, rule_set.revision, holds_at)
        await self.read()

    async def read(self) -> None:
        """Read calendars and revisions that were written down since. Raises PyMongoError."""
        found = {version: at for version, at in (await self._store.calendar_versions()).items() if version not in self._calendars}
        for version, at in found.items():
            self._calendars[version] = (at, WorkDays(await self._store.calendar(version)))
            log.info("calendar_known", version=version, holds_at=at.isoformat())
        revisions = await self._store.revisions()
        if found or revisions != self._revisions:
            self._revisions = revisions
            self._take_up()

    def current(self) -> Law:
        """The law that holds now."""
        if self._coming and self._coming[0] <= self._clock.machine():
            self._take_up()
        return self._law

    def _take_up(self) -> None:
        now = self._clock.machine()
        known = [at for at, _ in self._calendars.values()] + list(self._revisions.values())
        self._coming = sorted(at for at in known if at > now)
        # Only of what is past does the legal clock say an instant that stays.
        calendars = [(self._clock.at(at), days) for at, days in self._calendars.values() if at <= now]
        revisions = {key: self._clock.at(at) for key, at in self._revisions.items() if at <= now}
        self._law = Law.known(self._pack, calendars, revisions)
        metrics.calendar.info({"version": self._law.days.calendar.version})
        metrics.calendar_ends.set(self._law.days.ends.timestamp())
        log.info("law_taken_up", calendar=self._law.days.calendar.version, corrections=len(self._law.corrections))
