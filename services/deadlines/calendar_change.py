"""What an operator does about the law's clocks: see what a corrected calendar would move, and apply it.

They read and write deadlines' own database and no other service's.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from pakn.engine import mongo
from pakn.legal_time import make_legal_time
from pakn.packs.load import Pack
from pakn.packs.models import Calendar
from pakn.settings import Settings
from services.deadlines.clocks import decide
from services.deadlines.clocks.clock import Case
from services.deadlines.law.known import Law
from services.deadlines.law.workdays import WorkDays
from services.deadlines.lawbook import announce, lead, missing_years
from services.deadlines.store import DeadlinesStore


class CannotApply(ValueError):
    """The calendar cannot be applied; the text says why and what to do."""


@dataclass(slots=True)
class Preview:
    """What a corrected calendar moves: by agency (later, nearer, overdue taken back, first counted), what it does not reach.

    `announced` are calendars that were applied and that clocks have still to be counted by.
    """

    clocks: int = 0
    by_agency: dict[str, Counter[str]] = field(default_factory=dict)
    beyond: list[str] = field(default_factory=list)
    announced: list[str] = field(default_factory=list)


async def preview(settings: Settings, pack: Pack, corrected: Calendar) -> Preview:
    """What this calendar, together with all that was applied before it, would move if it held from now on.

    Writes nothing. Raises PyMongoError.
    """
    time = make_legal_time(settings.legal_time.file)
    now, counted_until = time.now(), time.machine() - timedelta(seconds=settings.deadlines.grace_seconds)
    result = Preview()
    async with mongo.opened(settings, "deadlines") as database:
        store = DeadlinesStore(database)
        versions = await store.calendar_versions()
        # The one of the first start corrects nothing.
        later = sorted(versions.items(), key=lambda row: row[1])[1:]
        result.announced = [version for version, holds_at in later if holds_at > counted_until]
        calendars = [WorkDays(await store.calendar(version)) for version in versions]
        rule_sets = [await store.rule_set(*revision) for revision in await store.revisions()]
        law = Law.of(pack, [(now, days) for days in (*calendars, WorkDays(corrected))], [(now, rule_set) for rule_set in rule_sets])
        async for case in store.every_case(law.outdated(now)):
            _look(result, law, case, now)
    return result


def _look(result: Preview, law: Law, case: Case, now: datetime) -> None:
    advanced, _ = decide.advance(law, case, now)
    for before, since in zip(case.clocks, advanced.clocks, strict=True):
        if before.state != "open":
            continue
        result.clocks += 1
        if since.due_at is not None and since.due_at != before.due_at:
            counts = result.by_agency.setdefault(since.agency, Counter())
            moved = "first counted" if before.due_at is None else "later" if since.due_at > before.due_at else "nearer"
            counts[moved] += 1
            counts["overdue taken back"] += before.overdue and not since.overdue
        if next(law.corrections_of(since.law_version, now, since.rule, since.count.started_on), None):
            result.beyond.append(f"{case.code} {since.rule} of {since.agency}: the calendar ends before its last day")


async def is_known(settings: Settings, calendar: Calendar, pack: Calendar) -> bool:
    """Whether this very calendar was applied before, and is the latest.

    Raises CannotApply where it is another one and its version is not later than that of the pack and of every one that is
    known, or it lacks years of the latest; PyMongoError.
    """
    async with mongo.opened(settings, "deadlines") as database:
        store = DeadlinesStore(database)
        known = {version: await store.calendar(version) for version in await store.calendar_versions()} | {pack.version: pack}
    latest = known[max(known)]
    if calendar.version < latest.version:
        said = f"version {calendar.version!r} does not sort after {latest.version!r}, which is in force (they are compared as text)"
        raise CannotApply(f"{said}; give a later one")
    if calendar.version == latest.version:
        if not WorkDays(calendar).counts_like(WorkDays(latest)):
            raise CannotApply(f"another calendar has version {calendar.version!r}; give this one a later version")
        return True
    if missing := missing_years(calendar, latest):
        raise CannotApply(missing)
    return False


async def apply(settings: Settings, calendar: Calendar, pack: Calendar) -> bool:
    """Keep a corrected calendar, which running instances take up; false when this very one is applied already.

    Raises CannotApply as `is_known` does; PyMongoError.
    """
    if await is_known(settings, calendar, pack):
        return False
    time, holds_after = make_legal_time(settings.legal_time.file), lead(settings.deadlines.law_seconds)
    async with mongo.opened(settings, "deadlines") as database:
        store = DeadlinesStore(database)
        await announce(time, holds_after, partial(store.keep_calendar, calendar))
        return True
