"""Decides what opens, restarts and closes a clock, and which of its rungs is due. Pure.

A rule set of the pack names the moments (sent, transferred in, reply ready, ...) that start and end its clocks. A clock
keeps to the rule set in force on its start day. `apply_event` applies an event to the clocks, `advance` the passing of time.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from pydantic import BaseModel

import schemas
from pakn.errors import GiveUp
from pakn.packs.models import Rule, RuleSet
from schemas import Event, Fact
from schemas.values import Moment, RuleName
from services.deadlines.clocks import corrections
from services.deadlines.clocks.clock import Case, Clock, Rung, open_clock, rule_of
from services.deadlines.clocks.facts import Change, about, cancelled, changed, clock_fact, last_day, met, runs
from services.deadlines.clocks.ladder import with_next_rung
from services.deadlines.law.known import Law, NoRuleSet

# The events that concern clocks: the moment of the law that each is, and the field with its instant. The first limits count
# from the day on which the sender sent the feedback, however long the assignment took.
_MOMENTS: Mapping[type[BaseModel], tuple[Moment, str]] = {
    schemas.FeedbackAssigned: ("sent", "submitted_at"),
    schemas.FeedbackAccepted: ("received", "accepted_at"),
    schemas.FeedbackNotAccepted: ("refused", "decided_at"),
    schemas.FeedbackReturned: ("returned", "returned_at"),
    schemas.FeedbackTransferred: ("transferred_out", "transferred_at"),
    schemas.MoreRequested: ("more_requested", "requested_at"),
    schemas.FeedbackSupplemented: ("supplemented", "supplemented_at"),
    schemas.FeedbackReplied: ("reply_ready", "replied_at"),
    schemas.ReplySentBack: ("reply_sent_back", "sent_back_at"),
    schemas.ReplyPublished: ("published", "published_at"),
}
# The routing rule of an assignment that follows an objection.
_APPEAL = "appeal"
WANTED = frozenset(model.__name__ for model in _MOMENTS)


def moment_of(event: BaseModel) -> tuple[Moment, datetime] | None:
    """The moment of the law that an event is, and its instant; none if the event does not concern clocks."""
    if isinstance(event, schemas.FeedbackAssigned) and event.previous_agency is not None:
        return ("objected" if event.routing_rule == _APPEAL else "transferred_in"), event.assigned_at
    # A transfer to a unit inside the agency is no moment of the law: no clock restarts.
    inside = isinstance(event, schemas.FeedbackTransferred) and event.to_agency == event.agency
    if inside or type(event) not in _MOMENTS:
        return None
    moment, field = _MOMENTS[type(event)]
    return moment, getattr(event, field)


class Occurrence(NamedTuple):
    """What happened to a clock as time passed, and its fact: a rung fired, or a correction counted it again (`rung` is none)."""

    rule: RuleName
    rung: Rung | None
    fact: Fact


def apply_event(law: Law, case: Case | None, event: BaseModel, cause: str, partition: int) -> tuple[Case | None, list[Fact]]:
    """The case after an event, and the facts that follow. `cause` is the event's id.

    Raises GiveUp if the case is not known or no rule set covers the day, and TryAgain if the law of a clock has still to be
    read. A clock that no calendar reaches opens uncounted, which a fact says; `advance` counts it once a calendar does.
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
        # An assignment that is handled after a later transfer does not bring the case back to the former agency.
        has_it = case.agency if case and _has_been_since(case, ("transferred_in",), at) else event.agency
        case = case.model_copy(update={"agency": has_it}) if case else opened
    if case is None:
        if isinstance(event, schemas.FeedbackNotAccepted):
            # A feedback that was not accepted at intake was never assigned, and has no clock.
            return None, []
        raise GiveUp("missing_case", "its assignment is not known here, and may be a dead letter: post that one first, then this")
    # What was due before this event comes first, even if no timer has fired it yet. So a late answer never lacks its
    # overdue, and the result does not depend on when the event was handled.
    case, steps = advance(law, case, at)
    clocks: dict[str, Clock] = {}
    changes: list[Change] = []
    withdrawn: list[Fact] = []
    for clock in case.clocks:
        closed, change = _close(law, case, clock, moment, at)
        clocks[clock.id] = closed
        changes += change
        withdrawn += corrections.withdrawn(case, clock, closed, cause, "in_time")
    was = {moment, _as_named((), moment)}
    moments = case.moments | {name: max(at, case.moments.get(name, at)) for name in was}
    case = case.model_copy(update={"clocks": tuple(clocks.values()), "partition": partition, "moments": moments})
    try:
        rule_set = law.rule_set_on(law.days.local_day(at), known_at)
    except NoRuleSet as error:
        raise GiveUp("missing_rule_set", str(error)) from None
    for name in rule_set.rules:
        begun = _open(law, case, rule_set, name, moment, at, known_at, cause)
        if begun is not None:
            changes.append(runs(law, begun))
            # A clock that opens again by a law that was corrected meanwhile may be in time after all.
            former = clocks.get(begun.id, begun)
            withdrawn += corrections.withdrawn(case, former, begun, cause, corrections.reason(former, begun))
            clocks[begun.id] = begun
    facts = [*(step.fact for step in steps), *changed(case, changes, moment, at, cause), *withdrawn]
    return case.model_copy(update={"clocks": tuple(clocks.values())}), facts


def _close(law: Law, case: Case, clock: Clock, moment: Moment, at: datetime) -> tuple[Clock, list[Change]]:
    """The clock after `moment`, which may meet or cancel it, and what is told of that."""
    if clock.state != "open":
        return clock, []
    rule = rule_of(law, clock)
    moment = _as_named(_named(rule), moment)
    if moment not in (*rule.stop, *rule.cancel, *rule.restart):
        return clock, []
    # Nothing happens before the sending, even if two machines' times say so.
    begins = {*rule.start, *rule.restart, *rule.resume} - {"sent"}
    if _has_been_since(case, begins, at):
        # The clock has begun anew since then: the moment belongs to an earlier run.
        return clock, []
    closed = clock.model_copy(update={"state": "met" if moment in rule.stop else "cancelled", "next_rung": None})
    due_at = clock.due_by_what_was_known(at)
    if clock.overdue and due_at is not None and at < due_at:
        # The overdue was published before this event could be handled. A reply that is sent back starts the ladder again.
        closed = closed.model_copy(update={"overdue": False, "ladder_restarts": clock.ladder_restarts + 1, "progress": 0})
    return closed, [met(clock, due_at, at) if closed.state == "met" else cancelled(clock)]


def _named(rule: Rule) -> frozenset[Moment]:
    return frozenset((*rule.start, *rule.restart, *rule.stop, *rule.cancel, *rule.resume))


def _as_named(named: Collection[Moment], moment: Moment) -> Moment:
    """The moment as a rule with these moments takes it: one that does not name `objected` takes an objection as a transfer."""
    return "transferred_in" if moment == "objected" and moment not in named else moment


def _has_been_since(case: Case, moments: Iterable[Moment], at: datetime) -> bool:
    """Whether one of these moments was after `at`, so that an event of that instant is handled late."""
    return any(case.moments.get(moment, at) > at for moment in moments)


def _open(
    law: Law, case: Case, rule_set: RuleSet, name: RuleName, moment: Moment, at: datetime, known_at: datetime, cause: str
) -> Clock | None:
    """The clock of a rule that `moment` opens, or opens again with its former due date; none if it does neither."""
    latest = next((clock for clock in reversed(case.clocks) if clock.rule == name), None)
    if latest is not None and latest.state == "open":
        return None
    rule = rule_set.rules[name]
    moment = _as_named(_named(rule), moment)
    if _has_been_since(case, (*rule.stop, *rule.cancel, *rule.restart), at):
        # The clock was met, cancelled or begun anew since then.
        return None
    if latest and latest.state == "met" and moment in rule_of(law, latest).resume:
        return corrections.counted_at(law, case, latest, known_at, after=at)
    if moment not in rule.start and moment not in rule.restart:
        return None
    id = schemas.derived_id(cause, f"clock/{name}/{case.agency}")
    return corrections.counted_at(law, case, open_clock(law, case, rule_set, name, at, known_at, id), known_at, after=at)


def advance(law: Law, case: Case, until: datetime) -> tuple[Case, list[Occurrence]]:
    """Let legal time pass until `until`: each due rung fires and each correction applies, in order and once.

    A fact's id comes only from the clock, its run of the ladder or its law, and the rung, so a repetition after a rebalance
    gives the same facts. A clock that a correction does not reach keeps its day and its ladder. Raises TryAgain as
    `apply_event` does.
    """
    steps: list[Occurrence] = []
    clocks = list(case.clocks)
    for index, clock in enumerate(clocks):
        while clock.state == "open":
            rung, found = clock.next_rung, corrections.next_correction(law, case, clock, until)
            if rung is not None and rung.at <= (found[0] if found else until):
                steps.append(Occurrence(clock.rule, rung, _rung_fact(law, case, clock, rung)))
                # No progress duty is left out if the calendar that has their days became known only after them.
                after = clock.due_at if rung.kind == "progress" and clock.due_at else rung.at
                clock = with_next_rung(law, _fired(clock, rung), after)
            elif found is not None:
                steps += [Occurrence(clock.rule, None, fact) for fact in corrections.facts(law, case, clock, found[1])]
                clock = found[1]
            else:
                break
        clocks[index] = clock
    steps.sort(key=lambda step: step.fact.time)
    return case.model_copy(update={"clocks": tuple(clocks)}), steps


def _fired(clock: Clock, rung: Rung) -> Clock:
    progress = rung.number if rung.kind == "progress" else clock.progress
    overdue = clock.overdue or rung.kind != "warning"
    return clock.model_copy(update={"overdue": overdue, "progress": progress, "last_event_at": rung.at})


def _rung_fact(law: Law, case: Case, clock: Clock, rung: Rung) -> Fact:
    verified = law.rule_set(clock.rule_set, clock.revision).verified
    fields = about(case, clock) | last_day(clock) | {"verified": verified}
    event: Event
    if rung.kind == "warning":
        event = schemas.DeadlineWarning(**fields, days_before=rung.number, warned_at=rung.at)
    else:
        event = schemas.FeedbackOverdue(**fields, times=rung.number, overdue_at=rung.at)
    cause = f"{clock.id}/{rung.kind}/{rung.number}" + (f"/{clock.ladder_restarts}" if clock.ladder_restarts else "")
    return clock_fact(case, clock, event, rung.at, cause, causation=clock.id)
