"""What a correction of the calendar or of a rule set does to a running clock, and the facts that say so. Pure.

`domain.advance` lets clocks go through corrections as it lets them go through their rungs. Nothing here depends on when it
is done: the same clock and the same correction always give the same facts. A closed clock keeps what it was counted by:
what was met or late by the law as it was known then stays so.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime

import schemas
from schemas import Event, Fact, topics
from services.deadlines.clocks import Case, Clock, Rung, due, explanation, ladder, with_next_rung
from services.deadlines.law import Correction, Law
from services.deadlines.workdays import CalendarEnds
from services.packs import Pack, RuleSet

SOURCE = "/pakn/deadlines"


def next_correction(law: Law, case: Case, clock: Clock, until: datetime) -> tuple[Correction, Clock] | None:
    """The first correction by `until` that a running clock has still to go through, and the clock after it.

    One whose calendar does not reach the clock's last day is passed over: nothing is guessed, and a later one may reach it.
    """
    for correction in law.corrections_of(clock.count, until, clock.rule):
        recounted = _recount(law, case, clock, correction)
        if recounted is not None:
            return correction, recounted
    return None


def counted_anew(law: Law, case: Case, clock: Clock, at: datetime, now: datetime) -> Clock:
    """A clock that opens, or opens again, at `at`: counted by all that is known `now`, with its ladder from `at` on."""
    opened = clock
    while found := next_correction(law, case, opened, now):
        opened = found[1]
    if opened.count != clock.count:
        # What it was told of before it was closed may lie on other days by this count.
        opened = opened.model_copy(update={"moves": clock.moves + 1, "overdue": clock.overdue and opened.due_at <= at})
    return with_next_rung(law, law.rule(opened.rule_set, opened.rule), opened, after=at)


def _recount(law: Law, case: Case, clock: Clock, correction: Correction) -> Clock | None:
    days = correction.days or law.calendar(clock.calendar_version) or law.days
    rule_set = correction.rule_set or law.rule_set(clock.rule_set)
    rule = law.rule(rule_set.id, clock.rule)
    limit = law.pack.limit(rule, case.category, clock.agency) if correction.rule_set else clock.limit
    unit = rule.limit.unit if correction.rule_set else clock.unit
    try:
        due_at, due_date = due(days, clock.started_at, limit, unit)
    except CalendarEnds:
        return None
    known_at = _known_at(clock, correction)
    recounted = clock.model_copy(
        update={
            "rule_set": rule_set.id,
            # Of a later revision than the one known here only the calendar is another; its limit stands in the clock.
            "revision": rule_set.revision if correction.rule_set else clock.revision,
            "calendar_version": days.calendar.version,
            "limit": limit,
            "unit": unit,
            "due_at": due_at,
            "due_date": due_date.isoformat(),
            "explanation": explanation(days, clock.started_at, limit, unit, due_date),
            "overdue": clock.overdue and due_at <= known_at,
        }
    )
    # A due day that stays and an overdue that holds leave the ladder where it was; only its days may be others.
    goes_on = recounted.overdue if clock.overdue else due_at == clock.due_at
    if goes_on and (clock.next_rung or not clock.overdue):
        reached = _place(clock.next_rung) if clock.next_rung else _AFTER_WARNINGS
        rung = next((rung for rung in ladder(days, rule, recounted) if _place(rung) >= reached), None)
    else:
        recounted = recounted.model_copy(update={"moves": clock.moves + (not goes_on)})
        rung = with_next_rung(law, rule, recounted, after=known_at).next_rung
    if rung is not None and rung.at < known_at:
        # It could not be known before.
        rung = rung.model_copy(update={"at": known_at})
    return recounted.model_copy(update={"next_rung": rung})


_AFTER_WARNINGS = (1, 0)


def _place(rung: Rung) -> tuple[int, int]:
    """Where a rung stands in the ladder."""
    match rung.kind:
        case "warning":
            return 0, -rung.number
        case "overdue":
            return _AFTER_WARNINGS
        case "progress":
            return 2, rung.number


def _known_at(clock: Clock, correction: Correction) -> datetime:
    """When the correction comes into the clock's life: after an overdue that an instance fired before it heard of it."""
    return max(correction.at, clock.due_at) if clock.overdue else correction.at


def facts(law: Law, case: Case, before: Clock, after: Clock, correction: Correction) -> Iterator[Fact]:
    """What is told of a clock that has gone through a correction; nothing where its due instant stays."""
    if after.due_at == before.due_at:
        return
    common = {
        "feedback_id": case.feedback_id,
        "code": case.code,
        "clock_id": after.id,
        "rule": after.rule,
        "agency": after.agency,
        "due_at": after.due_at,
        "due_date": after.due_date,
        "explanation": after.explanation,
    }
    rule_set = law.rule_set(after.rule_set)
    moved = schemas.DeadlineMoved.model_validate(
        common
        | {
            "reason": "calendar" if correction.days else "rule_set",
            "previous_due_at": before.due_at,
            "previous_due_date": before.due_date,
            "nearer": after.due_at < before.due_at,
            "limit": after.limit,
            "unit": after.unit,
            "rule_set": after.rule_set,
            "revision": after.revision,
            "previous_revision": before.revision,
            "article": article(law.pack, rule_set, after),
            "verified": rule_set.verified,
            "calendar_version": after.calendar_version,
            "previous_calendar_version": before.calendar_version,
            "moved_at": correction.at,
        }
    )
    yield _fact(case, after, moved, correction.at)
    yield from withdrawn(case, before, after, _known_at(before, correction))


def withdrawn(case: Case, before: Clock, after: Clock, at: datetime) -> Iterator[Fact]:
    """The fact that takes an overdue back, where the clock was overdue and is not by its new count."""
    if after.overdue or not before.overdue:
        return
    event = schemas.OverdueWithdrawn(
        feedback_id=case.feedback_id,
        code=case.code,
        clock_id=after.id,
        rule=after.rule,
        agency=after.agency,
        due_at=after.due_at,
        due_date=date.fromisoformat(after.due_date),
        explanation=after.explanation,
        withdrawn_at=at,
    )
    yield _fact(case, after, event, at)


def article(pack: Pack, rule_set: RuleSet, clock: Clock) -> str:
    """The article that a clock stands on, in the pack's own language."""
    return rule_set.rules[clock.rule].article[pack.header.default_language]


def _fact(case: Case, clock: Clock, event: Event, at: datetime) -> Fact:
    # By clock and count alone, so that what is published again after a crash is the same fact.
    cause = f"{clock.id}/moved/{clock.count}"
    to = (topics.FEEDBACK, topics.assignments(clock.agency))
    return schemas.fact(event, cause=cause, subject=case.feedback_id, time=at.astimezone(UTC), source=SOURCE, topics=to)
