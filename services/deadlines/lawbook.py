"""Keeps the law up to date in a running instance: calendars and revisions of rule sets, each with the time since it is known.

Deadlines' own database keeps all of them, whatever pack an instance has. A new calendar or revision takes effect a little
later than it is written, so that every instance has read it by then and all decide by the same law at the same time.
"""

import contextlib
from collections.abc import Awaitable, Callable, Generator, Iterator
from datetime import datetime, timedelta

from pydantic import ValidationError

from pakn import metrics
from pakn.errors import CannotRun, TryAgain, describe
from pakn.legal_time import LegalTime
from pakn.logs import logger
from pakn.packs.load import Pack
from pakn.packs.models import Calendar, RuleSet
from services.deadlines.law.known import EVER, Law
from services.deadlines.law.workdays import WorkDays
from services.deadlines.store import DeadlinesStore

log = logger(__name__)


def lead(read_seconds: float) -> timedelta:
    """How far ahead of its announcement a correction holds, where instances look for one every `read_seconds`."""
    return timedelta(seconds=3 * read_seconds)


async def announce(time: LegalTime, holds_after: timedelta, keep: Callable[[datetime], Awaitable[None]]) -> None:
    """Keep something of the law, which holds after the lead. A third of the lead is for the writing. Raises PyMongoError."""
    began = time.machine()
    await keep(began + holds_after)
    if (took := time.machine() - began) > holds_after / 3:
        # Instances may have told of something by what held before; they move or take it back when they read this.
        log.warning("law_kept_late", seconds=took.total_seconds(), holds_at=(began + holds_after).isoformat())


def missing_years(calendar: Calendar, former: Calendar) -> str:
    """Why a calendar cannot follow another one: the years that it no longer has; nothing where it has them all."""
    missing = sorted({year.year for year in former.years} - {year.year for year in calendar.years})
    listed = ", ".join(map(str, missing))
    return f"calendar {calendar.version!r} lacks years that {former.version!r} has: {listed}; add them" if missing else ""


@contextlib.contextmanager
def _unreadable_is_unknown(kind: str, name: str) -> Generator[None, None, None]:
    """What a later image has written in a shape that this one does not know stops nothing while images are exchanged.

    This one goes on by what it knows, and leaves clocks that stand on the other to the later image.
    """
    try:
        yield
    except ValidationError as error:
        log.warning("law_not_readable", kind=kind, name=name, error=describe(error))


class Lawbook:
    """One instance's law. Reading adds to it; what holds changes when the instant of a correction has come."""

    def __init__(self, pack: Pack, store: DeadlinesStore, time: LegalTime, holds_after: timedelta) -> None:
        self._pack = pack
        self._store = store
        self._time = time
        self._holds_after = holds_after
        # By version and by (rule set, revision): since when they hold, in the machine's time.
        self._calendars: dict[str, tuple[datetime, WorkDays]] = {}
        self._rule_sets: dict[tuple[str, int], tuple[datetime, RuleSet]] = {}
        self._own_calendars: dict[str, WorkDays] = {}
        self._own_rule_sets: dict[tuple[str, int], RuleSet] = {}
        self._coming: list[datetime] = []
        self._read_at = EVER
        self._law = Law.of(pack)
        self._logged: dict[str, object] = {}

    async def prepare(self) -> None:
        """Write down what this pack brings, where it is new, and read what is known.

        Raises PyMongoError, and CannotRun with every fault where the pack counts otherwise than what it calls the same.
        """
        await self._read_and_compare()
        self._warn_of_what_is_later()
        await announce(self._time, self._holds_after, self._keep)
        # An instance with another pack may have started at the same moment, and have been the first to write.
        await self._read_and_compare()
        # The pack's own words (names, sources, verified or not) are newer than those that came with the first image.
        self._own_calendars = {self._pack.calendar.version: WorkDays(self._pack.calendar)}
        self._own_rule_sets = {(rule_set.id, rule_set.revision): rule_set for rule_set in self._pack.rule_sets}
        self._calendars, self._rule_sets = {}, {}
        await self.read()

    async def _keep(self, holds_at: datetime) -> None:
        # From one instant on: a limit that comes with a calendar moves a clock once, and not by the one and then the other.
        await self._store.keep_calendar(self._pack.calendar, holds_at)
        for rule_set in self._pack.rule_sets:
            await self._store.keep_rule_set(rule_set, holds_at)

    async def _read_and_compare(self) -> None:
        await self.read()
        if faults := list(self._contradictions()):
            raise CannotRun("\n".join(faults))

    def _warn_of_what_is_later(self) -> None:
        """Warn that rolling back the image does not roll back the law: an old limit needs a higher revision or a later version."""
        own = {rule_set.id: rule_set.revision for rule_set in self._pack.rule_sets}
        for (id, revision), (_, rule_set) in self._rule_sets.items():
            if revision > own.get(id, revision):
                log.warning("later_revision_in_use", rule_set=id, in_use=revision, of_this_pack=own[id])
            elif id not in own and rule_set.effective.from_ > self._law.days.local_day(self._time.now()):
                log.warning("rule_set_to_come_is_not_in_this_pack", rule_set=id, from_=rule_set.effective.from_.isoformat())
        if (latest := max(self._calendars, default="")) > self._pack.calendar.version:
            log.warning("later_calendar_in_use", in_use=latest, of_this_pack=self._pack.calendar.version)

    def _contradictions(self) -> Iterator[str]:
        own = self._pack.calendar
        if own.version in self._calendars and not WorkDays(own).counts_like(self._calendars[own.version][1]):
            said = f"calendar.yaml has other days than calendar {own.version!r} that is in use"
            yield f"{said}; take the change back, or give it a later version"
        former = max(self._calendars, default="")
        if own.version > former and former and (said := missing_years(own, self._calendars[former][1].calendar)):
            yield f"calendar.yaml: {said}"
        for rule_set in self._pack.rule_sets:
            _, known = self._rule_sets.get((rule_set.id, rule_set.revision), (None, rule_set))
            if places := rule_set.counts_otherwise(known):
                said = (
                    f"rule set {rule_set.id!r} has another {', '.join(places)} than its revision {rule_set.revision} that is in use"
                )
                yield f"rules.yaml: {said}; take the change back, or raise its `revision`"

    async def read(self) -> None:
        """Read what was written down since. Raises PyMongoError, and has then read nothing."""
        read_at = self._time.machine()
        calendars = dict(self._calendars)
        for version, at in (await self._store.calendar_versions()).items():
            if version not in calendars:
                own = self._own_calendars.get(version)
                with _unreadable_is_unknown("calendar", version):
                    calendars[version] = (at, own or WorkDays(await self._store.calendar(version)))
        rule_sets = dict(self._rule_sets)
        for key, at in (await self._store.revisions()).items():
            if key not in rule_sets:
                with _unreadable_is_unknown("rule_set", f"{key[0]}/{key[1]}"):
                    rule_sets[key] = (at, self._own_rule_sets.get(key) or await self._store.rule_set(*key))
        if (calendars, rule_sets) != (self._calendars, self._rule_sets):
            self._calendars, self._rule_sets = calendars, rule_sets
            self._take_up()
        self._read_at = read_at

    @property
    def complete_until(self) -> datetime:
        """Up to which instant, in the machine's time, everything that holds has been read (as far as this image can read it).

        What was written after the last reading holds only after the lead, a third of which is left for the writing itself
        (`announce`) and for machines whose clocks differ.
        """
        return self._read_at + self._holds_after * 2 / 3

    def up_to_date(self) -> Law:
        """The law to decide by what happens now. Raises TryAgain where it was last read so long ago that another may hold."""
        if self._time.machine() > self.complete_until:
            raise TryAgain(f"another law may hold: it could not be read since {self._read_at.isoformat()}")
        return self.current()

    def current(self) -> Law:
        """The law that was read last."""
        if self._coming and self._coming[0] <= self._time.machine():
            self._take_up()
        return self._law

    def _take_up(self) -> None:
        # A scaled clock says of what is still to come only what it would be now, so it is asked again when that has come.
        now = self._time.machine()
        self._coming = sorted(at for at, _ in (*self._calendars.values(), *self._rule_sets.values()) if at > now)
        self._law = Law.of(
            self._pack,
            [(self._time.at(at), days) for at, days in self._calendars.values()],
            [(self._time.at(at), rule_set) for at, rule_set in self._rule_sets.values()],
        )
        held = self._law.calendar_at(self._time.now())
        metrics.calendar.info({"version": held.calendar.version})
        metrics.calendar_ends.set(held.ends.timestamp())
        # It is taken up twice at each start, and again whenever an instant of it has come; only what differs is news.
        what = {"calendar": held.calendar.version, "corrections": len(self._law.corrections), "coming": len(self._coming)}
        if what != self._logged:
            self._logged = what
            log.info("law_taken_up", **what)
