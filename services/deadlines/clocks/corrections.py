"""What a correction of the calendar or of a rule set does to a running clock, and the facts that follow. Pure.

The same clock and the same law always give the same facts, whenever they are decided. A closed clock keeps the law that
was known when it was closed: what was met or late by that law stays so.
"""

import itertools
from collections.abc import Iterator
from datetime import datetime

import schemas
from schemas import Fact
from schemas.values import MoveReason, WithdrawalReason
from services.deadlines import bounds
from services.deadlines.clocks.clock import Case, Clock, Moved, Rung, counted
from services.deadlines.clocks.facts import about, by_law, changed, clock_fact, last_day, runs
from services.deadlines.clocks.ladder import ladder, with_next_rung
from services.deadlines.law.known import Correction, Law


def next_correction(law: Law, case: Case, clock: Clock, until: datetime) -> tuple[datetime, Clock] | None:
    """The first instant by `until` whose corrections change a running clock, and the clock after them; none if there is none.

    A correction whose calendar does not reach the clock's last day waits for a later calendar. Nothing is guessed: until
    then a counted clock keeps its former day, even if its limit becomes longer than the calendar reaches.
    """
    known: list[Correction] = []
    # Corrections of one instant apply together, so that no event announces a day that was never meant.
    corrections = law.corrections_of(clock.law_version, until, clock.rule, clock.count.started_on)
    for at, together in itertools.groupby(corrections, key=lambda row: row.at):
        known += together
        after = clock
        while through := next(filter(None, (_through(law, case, after, correction) for correction in known)), None):
            after = through
        if after is not clock:
            return at, _on_its_ladder(law, clock, after, at)
    return None


def _through(law: Law, case: Case, clock: Clock, correction: Correction) -> Clock | None:
    """The clock counted by the corrected law; none if that does not concern the clock or does not reach its last day."""
    if not law.concerns(correction, clock.law_version, clock.count.started_on):
        return None
    days = correction.days or law.calendar(clock.calendar_version)
    return counted(law, case, clock, days, correction.rule_set or law.rule_set(clock.rule_set, clock.revision))


def counted_at(law: Law, case: Case, clock: Clock, known_at: datetime, after: datetime) -> Clock:
    """A clock that opens, or opens again, counted by the law known at `known_at`, with its first rung after `after`."""
    opened = clock.model_copy(update={"state": "open", "last_event_at": after})
    while found := next_correction(law, case, opened, known_at):
        opened = found[1]
    if opened.law_version != clock.law_version:
        # By this law the rungs that fired before the clock was closed may have other days.
        opened = opened.model_copy(update={"ladder_restarts": clock.ladder_restarts + 1, "last_event_at": after})
    return with_next_rung(law, opened, after=after)


def _on_its_ladder(law: Law, before: Clock, recounted: Clock, at: datetime) -> Clock:
    """The clock that was counted again, with its next rung: none fires twice, and none before the correction was known."""
    # An instance that learned of the correction too late may have published an event after it.
    at = max(at, before.last_event_at)
    overdue = before.overdue and recounted.due_at is not None and recounted.due_at <= at
    after = recounted.model_copy(update={"overdue": overdue, "last_event_at": at})
    if before.due_at is not None and before.due_at != after.due_at:
        after = after.model_copy(update={"moved": (*before.moved, Moved(at=at, due_at=before.due_at))[-bounds.MOST_MOVED :]})
    # If the due day or the overdue stays, the ladder goes on where it was; only its days may change.
    goes_on = overdue if before.overdue else recounted.due_at == before.due_at
    if not goes_on:
        restarted = after.model_copy(update={"ladder_restarts": before.ladder_restarts + 1, "progress": 0})
        return with_next_rung(law, restarted, after=at)
    reached = _place(before.next_rung) if before.next_rung else _PROGRESS if overdue else _OVERDUE
    rung = next((rung for rung in ladder(law, after) if _place(rung) >= reached), None)
    if rung is not None and rung.at < at:
        rung = rung.model_copy(update={"at": at})
    return after.model_copy(update={"next_rung": rung})


_OVERDUE, _PROGRESS = (1, 0), (2, 0)


def _place(rung: Rung) -> tuple[int, int]:
    """The place of a rung in the ladder, to compare by."""
    match rung.kind:
        case "warning":
            return 0, -rung.number
        case "overdue":
            return _OVERDUE
        case "progress":
            return _PROGRESS[0], rung.number


def facts(law: Law, case: Case, before: Clock, after: Clock) -> Iterator[Fact]:
    """The facts about a clock that corrections have changed; none if its day and rule set stay."""
    if before.due_at is None or after.due_at is None:
        yield from changed(case, [runs(law, after)], reason(before, after), after.last_event_at, _cause(after), after.id)
        return
    if after.due_at == before.due_at and after.rule_set == before.rule_set:
        return
    moved = schemas.DeadlineMoved.model_validate(
        about(case, after)
        | last_day(after)
        | by_law(law, after)
        | {
            "because": reason(before, after),
            "previous_due_at": before.due_at,
            "previous_due_date": before.due_date,
            "nearer": after.due_at < before.due_at,
            "revision": after.revision,
            "previous_rule_set": before.rule_set,
            "previous_revision": before.revision,
            "previous_calendar_version": before.calendar_version,
            "moved_at": after.last_event_at,
        }
    )
    yield clock_fact(case, after, moved, after.last_event_at, _cause(after), causation=after.id)
    yield from withdrawn(case, before, after, _cause(after), reason(before, after), after.id)


def reason(before: Clock, after: Clock) -> MoveReason:
    """What was corrected between the two: the `calendar`, or the `rule_set`."""
    return "calendar" if before.law_version[1:] == after.law_version[1:] else "rule_set"


def withdrawn(case: Case, before: Clock, after: Clock, cause: str, why: WithdrawalReason, causation: str = "") -> Iterator[Fact]:
    """The fact that takes an overdue back, if the clock was overdue and is not any more."""
    if after.overdue or not before.overdue:
        return
    event = schemas.OverdueWithdrawn.model_validate(
        about(case, after) | last_day(after) | {"withdrawn_at": after.last_event_at, "because": why}
    )
    yield clock_fact(case, after, event, after.last_event_at, cause, discriminator=after.id, causation=causation)


def _cause(clock: Clock) -> str:
    # Clock and law alone, so that what is published again after a crash is the same fact.
    return f"{clock.id}/counted/{clock.law_version}"
