"""What a correction of the calendar or of a rule set does to a running clock, the facts that say so, and what is taken back. Pure.

`domain.advance` lets clocks go through corrections as it lets them go through their rungs. Nothing here depends on when it
is done: the same clock and the same law always give the same facts. A closed clock keeps what it was counted by: what was
met or late by the law as it was known then stays so.
"""

import itertools
from collections.abc import Iterator
from datetime import datetime

import schemas
from schemas import Fact
from schemas.values import MoveReason, WithdrawalReason
from services.deadlines.clocks.clock import Case, Clock, Moved, Rung, counted
from services.deadlines.clocks.facts import about, article, clock_fact, set_facts
from services.deadlines.clocks.ladder import ladder, with_next_rung
from services.deadlines.law.known import Correction, Law


def next_correction(law: Law, case: Case, clock: Clock, until: datetime) -> tuple[datetime, Clock] | None:
    """The first instant by `until` whose corrections a running clock has still to go through, and the clock after them.

    One whose calendar does not reach the clock's last day is passed over until a later one does: nothing is guessed, and a
    clock that was counted keeps its former day, also where a limit becomes longer than the calendar reaches.
    """
    known: list[Correction] = []
    # What holds from one instant on is gone through at once: nobody is told of a day that was never meant.
    started = law.days.local_day(clock.started_at)
    for at, together in itertools.groupby(law.corrections_of(clock.count, until, clock.rule, started), key=lambda row: row.at):
        known += together
        after = clock
        while through := next(filter(None, (_through(law, case, after, correction) for correction in known)), None):
            after = through
        if after is not clock:
            return at, _on_its_ladder(law, clock, after, at)
    return None


def _through(law: Law, case: Case, clock: Clock, correction: Correction) -> Clock | None:
    """The clock counted by the corrected law; none where it does not concern the clock or its calendar does not reach it."""
    if not law.concerns(correction, clock.count, law.days.local_day(clock.started_at)):
        return None
    days = correction.days or law.calendar(clock.calendar_version)
    return counted(law, case, clock, days, correction.rule_set or law.rule_set(clock.rule_set, clock.revision))


def counted_at(law: Law, case: Case, clock: Clock, known_at: datetime, after: datetime) -> Clock:
    """A clock that opens, or opens again, counted by all that is known at `known_at`, with what its ladder has after `after`."""
    opened = clock.model_copy(update={"state": "open", "told_at": after})
    while found := next_correction(law, case, opened, known_at):
        opened = found[1]
    if opened.count != clock.count:
        # What it was told of before it was closed may lie on other days by this count.
        opened = opened.model_copy(update={"ladders": clock.ladders + 1, "told_at": after})
    return with_next_rung(law, opened, after=after)


def _on_its_ladder(law: Law, before: Clock, recounted: Clock, at: datetime) -> Clock:
    """The clock that was counted again with what is still to come: no rung twice, and none before it could be known."""
    # An instance that heard of the correction too late may have told of something after it.
    at = max(at, before.told_at)
    overdue = before.overdue and recounted.due_at is not None and recounted.due_at <= at
    after = recounted.model_copy(update={"overdue": overdue, "told_at": at})
    if before.due_at is not None and before.due_at != after.due_at:
        after = after.model_copy(update={"moved": (*before.moved, Moved(at=at, due_at=before.due_at))})
    # A due day that stays and an overdue that holds leave the ladder where it was; only its days may be others.
    goes_on = overdue if before.overdue else recounted.due_at == before.due_at
    if not goes_on:
        return with_next_rung(law, after.model_copy(update={"ladders": before.ladders + 1, "progress": 0}), after=at)
    reached = _place(before.next_rung) if before.next_rung else _PROGRESS if overdue else _OVERDUE
    rung = next((rung for rung in ladder(law, after) if _place(rung) >= reached), None)
    if rung is not None and rung.at < at:
        rung = rung.model_copy(update={"at": at})
    return after.model_copy(update={"next_rung": rung})


_OVERDUE, _PROGRESS = (1, 0), (2, 0)


def _place(rung: Rung) -> tuple[int, int]:
    """Where a rung stands in the ladder."""
    match rung.kind:
        case "warning":
            return 0, -rung.number
        case "overdue":
            return _OVERDUE
        case "progress":
            return _PROGRESS[0], rung.number


def facts(law: Law, case: Case, before: Clock, after: Clock) -> Iterator[Fact]:
    """What is told of a clock that has gone through corrections; nothing where day and rule set stay."""
    if before.due_at is None or after.due_at is None:
        yield from set_facts(law, case, after, after.told_at, _cause(after))
        return
    if after.due_at == before.due_at and after.rule_set == before.rule_set:
        return
    moved = schemas.DeadlineMoved.model_validate(
        about(case, after)
        | {
            "reason": reason(before, after),
            "previous_due_at": before.due_at,
            "previous_due_date": before.due_date,
            "due_at": after.due_at,
            "due_date": after.due_date,
            "explanation": after.explanation,
            "nearer": after.due_at < before.due_at,
            "limit": after.limit,
            "unit": after.unit,
            "rule_set": after.rule_set,
            "revision": after.revision,
            "previous_rule_set": before.rule_set,
            "previous_revision": before.revision,
            "article": article(law, after),
            "verified": law.rule_set(after.rule_set, after.revision).verified,
            "calendar_version": after.calendar_version,
            "previous_calendar_version": before.calendar_version,
            "moved_at": after.told_at,
        }
    )
    yield clock_fact(case, after, moved, after.told_at, _cause(after))
    yield from withdrawn(case, before, after, _cause(after), reason(before, after))


def reason(before: Clock, after: Clock) -> MoveReason:
    """What has corrected a clock, of which the one or the other count has changed."""
    return "calendar" if before.count[1:] == after.count[1:] else "rule_set"


def withdrawn(case: Case, before: Clock, after: Clock, cause: str, why: WithdrawalReason) -> Iterator[Fact]:
    """The fact that takes an overdue back, where the clock was overdue and is not any more."""
    if after.overdue or not before.overdue:
        return
    event = schemas.OverdueWithdrawn.model_validate(
        about(case, after)
        | {
            "due_at": after.due_at,
            "due_date": after.due_date,
            "explanation": after.explanation,
            "withdrawn_at": after.told_at,
            "reason": why,
        }
    )
    yield clock_fact(case, after, event, after.told_at, cause, discriminator=after.id)


def _cause(clock: Clock) -> str:
    # By clock and count alone, so that what is published again after a crash is the same fact.
    return f"{clock.id}/counted/{clock.count}"
