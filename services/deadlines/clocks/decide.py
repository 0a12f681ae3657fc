"""Decisions of the law's clocks: what opens, restarts, closes them, and which of their rungs is due. Pure.

A rule set of the pack says by moments (sent, transferred in, reply ready, ...) what each event does. A clock is pinned to
the rule set in force on its start day. `apply_event` moves the clocks by an event, `advance` by the passing of time.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from pydantic import BaseModel

import schemas
from pakn.errors import GiveUp
from pakn.packs.load import Moment, NoRuleSet, RuleSet
from schemas import Event, Fact
from schemas.values import RuleName
from services.deadlines.clocks import corrections
from services.deadlines.clocks.clock import Case, Clock, Rung, open_clock, rule_of
from services.deadlines.clocks.facts import about, clock_fact, set_facts
from services.deadlines.clocks.ladder import with_next_rung
from services.deadlines.law.known import Law


def moment_of(event: BaseModel) -> tuple[Moment, datetime] | None:
    """What an event means for the clocks, and the instant that counts. None for events without a meaning to them."""
    match event:
        case schemas.FeedbackAssigned():
            # The first limits count from the day the sender sent it, however long the assignment took.
            return ("sent", event.submitted_at) if event.previous_agency is None else ("transferred_in", event.assigned_at)
        case schemas.FeedbackAccepted():
            return "received", event.accepted_at
        case schemas.FeedbackNotAccepted():
            return "refused", event.decided_at
        case schemas.FeedbackReturned():
            return "returned", event.returned_at
        case schemas.FeedbackTransferred():
            # A transfer to a unit inside the agency is not a moment of the law: nothing restarts.
            return None if event.to_agency == event.agency else ("transferred_out", event.transferred_at)
        case schemas.MoreRequested():
            return "more_requested", event.requested_at
        case schemas.FeedbackSupplemented():
            return "supplemented", event.supplemented_at
        case schemas.FeedbackReplied():
            return "reply_ready", event.replied_at
        case schemas.ReplySentBack():
            return "reply_sent_back", event.sent_back_at
        case schemas.ReplyPublished():
            return "published", event.published_at
        case _:
            return None


class Occurrence(NamedTuple):
    """What happens to a clock as time passes: a rung fires, or (none) a correction moves or counts it; and the fact of it."""

    rule: RuleName
    rung: Rung | None
    fact: Fact


def apply_event(law: Law, case: Case | None, event: BaseModel, cause: str, partition: int) -> tuple[Case | None, list[Fact]]:
    """What an event of a case does to its clocks.

    Raises GiveUp when the case is not known or no rule set covers the day, and TryAgain when the law of a clock has still to be
    read. A clock that no calendar reaches opens uncounted, and `advance` counts it when one does.
    """
    meaning = moment_of(event)
    if meaning is None:
        return case, []
    moment, at = meaning
    known_at = at
    if isinstance(event, schemas.FeedbackAssigned):
        known_at = event.assigned_at
        opened = Case(
            feedback_id=event.feedback_id,
            code=event.code,
            category=event.category,
            agency=event.agency,
            submitted_at=event.submitted_at,
            partition=partition,
        )
        # One that is handled after a later transfer does not bring the case back to the agency that had it before.
        has_it = case.agency if case and _has_been_since(case, ("transferred_in",), at) else event.agency
        case = case.model_copy(update={"agency": has_it}) if case else opened
    if case is None:
        if isinstance(event, schemas.FeedbackNotAccepted):
            # What intake did not accept was never assigned, and has no clock.
            return None, []
        raise GiveUp("missing_case", "its assignment is not known here, and may be a dead letter: post that one first, then this")
    # What was due before this event comes first, whether or not the ticker has come to it: a late answer is never
    # handled without its overdue, and the result does not depend on when anything was handled.
    case, steps = advance(law, case, at)
    facts = [step.fact for step in steps]
    clocks: dict[str, Clock] = {}
    for clock in case.clocks:
        clocks[clock.id], fact = _close(law, case, clock, moment, at, cause)
        facts += fact
    moments = case.moments | {moment: max(at, case.moments.get(moment, at))}
    case = case.model_copy(update={"clocks": tuple(clocks.values()), "partition": partition, "moments": moments})
    try:
        rule_set = law.rule_set_on(law.days.local_day(at), known_at)
    except NoRuleSet as error:
        raise GiveUp("missing_rule_set", str(error)) from None
    for name in rule_set.rules:
        begun = _open(law, case, rule_set, name, moment, at, known_at, cause)
        if begun is not None:
            facts += set_facts(law, case, begun, at, cause)
            # One that opens again by a law that was corrected meanwhile may be in time after all.
            former = clocks.get(begun.id, begun)
            facts += corrections.withdrawn(case, former, begun, cause, corrections.reason(former, begun))
            clocks[begun.id] = begun
    return case.model_copy(update={"clocks": tuple(clocks.values())}), facts


def _close(law: Law, case: Case, clock: Clock, moment: Moment, at: datetime, cause: str) -> tuple[Clock, list[Fact]]:
    """What `moment` does to a clock that exists: meet it, cancel it, or nothing."""
    if clock.state != "open":
        return clock, []
    rule = rule_of(law, clock)
    if moment not in (*rule.stop, *rule.cancel, *rule.restart):
        return clock, []
    # Nothing comes before the sending, whatever two machines' clocks say.
    begins = {*rule.start, *rule.restart, *rule.resume} - {"sent"}
    if _has_been_since(case, begins, at):
        # It has begun anew since then: this was about an earlier run.
        return clock, []
    closed = clock.model_copy(update={"state": "met" if moment in rule.stop else "cancelled", "next_rung": None})
    due_at = clock.due_by_what_was_known(at)
    if due_at is None:
        # Nobody was told of it.
        return closed, []
    if clock.overdue and at < due_at:
        # The overdue was told before this event could be handled. A reply that is sent back begins the ladder anew.
        closed = closed.model_copy(update={"overdue": False, "ladders": clock.ladders + 1, "progress": 0})
    event: Event
    if closed.state == "met":
        event = schemas.DeadlineMet(**about(case, clock), due_at=due_at, met_at=at, late=at >= due_at)
    else:
        event = schemas.DeadlineCancelled(**about(case, clock), reason=moment, cancelled_at=at)
    fact = clock_fact(case, clock, event, at, cause, discriminator=clock.id, agency_hears=False)
    return closed, [fact, *corrections.withdrawn(case, clock, closed, cause, "in_time")]


def _has_been_since(case: Case, moments: Iterable[Moment], at: datetime) -> bool:
    """Whether one of these moments is known to have been after `at`: an event of that instant is handled late."""
    return any(case.moments.get(moment, at) > at for moment in moments)


def _open(
    law: Law, case: Case, rule_set: RuleSet, name: RuleName, moment: Moment, at: datetime, known_at: datetime, cause: str
) -> Clock | None:
    """The clock of a rule that `moment` opens, or opens again with the due date it had; none where it does neither."""
    latest = next((clock for clock in reversed(case.clocks) if clock.rule == name), None)
    if latest is not None and latest.state == "open":
        return None
    rule = rule_set.rules[name]
    if _has_been_since(case, (*rule.stop, *rule.cancel, *rule.restart), at):
        # It was met, cancelled or begun anew since then.
        return None
    if latest and latest.state == "met" and moment in rule_of(law, latest).resume:
        return corrections.counted_at(law, case, latest, known_at, after=at)
    if moment not in rule.start and moment not in rule.restart:
        return None
    id = schemas.derived_id(cause, f"clock/{name}/{case.agency}")
    return corrections.counted_at(law, case, open_clock(law, case, rule_set, name, at, known_at, id), known_at, after=at)


def advance(law: Law, case: Case, until: datetime) -> tuple[Case, list[Occurrence]]:
    """Let legal time pass until `until`: each rung that is due fires and each correction is gone through, in order and once.

    A fact's id comes from the clock, its ladder or count, and the rung alone, so doing it again around a rebalance repeats
    the same facts. A clock that a correction does not reach keeps its day and its ladder. Raises TryAgain as `apply_event` does.
    """
    steps: list[Occurrence] = []
    clocks = list(case.clocks)
    for index, clock in enumerate(clocks):
        while clock.state == "open":
            rung, found = clock.next_rung, corrections.next_correction(law, case, clock, until)
            if rung is not None and rung.at <= (found[0] if found else until):
                steps.append(Occurrence(clock.rule, rung, _rung_fact(law, case, clock, rung)))
                # No progress duty is left out, where the calendar knew of several only after their days.
                after = clock.due_at if rung.kind == "progress" and clock.due_at else rung.at
                clock = with_next_rung(law, _told(clock, rung), after)
            elif found is not None:
                steps += [Occurrence(clock.rule, None, fact) for fact in corrections.facts(law, case, clock, found[1])]
                clock = found[1]
            else:
                break
        clocks[index] = clock
    steps.sort(key=lambda step: step.fact.time)
    return case.model_copy(update={"clocks": tuple(clocks)}), steps


def _told(clock: Clock, rung: Rung) -> Clock:
    progress = rung.number if rung.kind == "progress" else clock.progress
    return clock.model_copy(update={"overdue": clock.overdue or rung.kind != "warning", "progress": progress, "told_at": rung.at})


def _rung_fact(law: Law, case: Case, clock: Clock, rung: Rung) -> Fact:
    said = about(case, clock) | {
        "due_at": clock.due_at,
        "due_date": clock.due_date,
        "explanation": clock.explanation,
        "verified": law.rule_set(clock.rule_set, clock.revision).verified,
    }
    event: Event
    if rung.kind == "warning":
        event = schemas.DeadlineWarning(**said, days_before=rung.number)
    else:
        event = schemas.FeedbackOverdue(**said, times=rung.number)
    cause = f"{clock.id}/{rung.kind}/{rung.number}" + (f"/{clock.ladders}" if clock.ladders else "")
    return clock_fact(case, clock, event, rung.at, cause)
