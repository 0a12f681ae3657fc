"""Decisions of the law's clocks: what opens, restarts, closes them, and which of their rungs is due. Pure.

A rule set of the pack says by moments (sent, transferred in, reply ready, ...) what each event does. A clock is pinned to
the rule set in force on its start day. `handlers.py` calls `decide`, `ticker.py` calls `advance`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from pydantic import BaseModel

import schemas
from schemas import Event, Fact, topics
from schemas.values import RuleName
from services.deadlines import moves
from services.deadlines.clocks import Case, Clock, Rung, open_clock, with_next_rung
from services.deadlines.law import Law
from services.errors import GiveUp
from services.packs import Moment, NoRuleSet

__all__ = ["Case", "Clock", "Law", "Rung", "Step", "advance", "decide", "moment_of"]


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


class Step(NamedTuple):
    """What happens to a clock as time passes: a rung fires, or (none) a correction moves it; and the fact that tells of it."""

    rule: RuleName
    rung: Rung | None
    fact: Fact


def decide(
    law: Law, case: Case | None, event: BaseModel, cause: str, partition: int, now: datetime
) -> tuple[Case | None, list[Fact]]:
    """What an event of a case does to its clocks. Raises GiveUp when no rule set or no calendar covers it.

    `now` is the legal time: clocks that open are counted by all that is known then.
    """
    meaning = moment_of(event)
    if meaning is None:
        return case, []
    if isinstance(event, schemas.FeedbackAssigned):
        opened = Case(
            feedback_id=event.feedback_id,
            code=event.code,
            category=event.category,
            agency=event.agency,
            submitted_at=event.submitted_at,
            partition=partition,
        )
        case = case.model_copy(update={"agency": event.agency, "partition": partition}) if case else opened
    if case is None:
        # A feedback that intake did not accept has no agency and no clock; so has one that is not assigned yet.
        return None, []
    moment, at = meaning
    # What was due before this event comes first, whether or not the ticker has come to it: a late answer is never
    # handled without its overdue, and the result does not depend on when anything was handled.
    case, steps = advance(law, case, at)
    facts = [step.fact for step in steps]
    clocks: list[Clock] = []
    for clock in case.clocks:
        moved, fact = _move(law, case, clock, moment, at, cause)
        clocks.append(moved)
        facts += fact
    opened_clocks = _open(law, case.model_copy(update={"clocks": tuple(clocks)}), moment, at, cause, now)
    facts += [_set_fact(law, case, clock, at, cause) for clock in opened_clocks]
    former = {clock.id: clock for clock in clocks}
    for clock in opened_clocks:
        # One that is opened again by a calendar that was corrected meanwhile may be in time after all.
        facts += moves.withdrawn(case, former.get(clock.id, clock), clock, at)
    by_id = {clock.id: clock for clock in clocks} | {clock.id: clock for clock in opened_clocks}
    return case.model_copy(update={"clocks": tuple(by_id.values()), "partition": partition}), facts


def _move(law: Law, case: Case, clock: Clock, moment: Moment, at: datetime, cause: str) -> tuple[Clock, list[Fact]]:
    """What `moment` does to a clock that exists: meet it, cancel it, or nothing."""
    if clock.state != "open":
        return clock, []
    rule = law.rule(clock.rule_set, clock.rule)
    common = {"feedback_id": case.feedback_id, "code": case.code, "clock_id": clock.id, "rule": clock.rule, "agency": clock.agency}
    if moment in rule.stop:
        met = schemas.DeadlineMet(**common, due_at=clock.due_at, met_at=at, late=at >= clock.due_at)
        return clock.model_copy(update={"state": "met", "next_rung": None}), [_fact(case, met, at, cause, clock.id)]
    if moment in rule.cancel or moment in rule.restart:
        cancelled = schemas.DeadlineCancelled(**common, reason=moment, cancelled_at=at)
        closed = clock.model_copy(update={"state": "cancelled", "next_rung": None})
        return closed, [_fact(case, cancelled, at, cause, clock.id)]
    return clock, []


def _open(law: Law, case: Case, moment: Moment, at: datetime, cause: str, now: datetime) -> list[Clock]:
    """The clocks that `moment` opens, and those that it opens again with the due date they had."""
    day = law.days.local_day(at)
    try:
        rule_set = law.pack.rule_set_on(day)
    except NoRuleSet as error:
        raise GiveUp("missing_rule_set", str(error)) from None
    result: list[Clock] = []
    for name, rule in rule_set.rules.items():
        latest = next((clock for clock in reversed(case.clocks) if clock.rule == name), None)
        if latest is not None and latest.state == "open":
            continue
        pinned = law.rule_set(latest.rule_set).rules.get(name) if latest else None
        if latest and latest.state == "met" and pinned and moment in pinned.resume:
            opened = latest.model_copy(update={"state": "open"})
        elif moment in rule.start or moment in rule.restart:
            opened = open_clock(law, case, rule, rule_set, at, id=_clock_id(case, name, cause), name=name)
        else:
            continue
        result.append(moves.counted_anew(law, case, opened, at, now))
    return result


def _clock_id(case: Case, rule: RuleName, cause: str) -> str:
    return schemas.derived_id(cause, f"clock/{rule}/{case.agency}")


def advance(law: Law, case: Case, until: datetime) -> tuple[Case, list[Step]]:
    """Let legal time pass until `until`: each rung that is due fires and each correction is gone through, in order and once.

    A fact's id comes from the clock, its count and the rung alone, so doing it again around a rebalance repeats the same
    facts. A clock that a correction does not reach keeps its day and its ladder.
    """
    steps: list[Step] = []
    clocks = list(case.clocks)
    for index, clock in enumerate(clocks):
        while clock.state == "open":
            rung, found = clock.next_rung, moves.next_correction(law, case, clock, until)
            if rung is not None and rung.at <= (found[0].at if found else until):
                steps.append(Step(clock.rule, rung, _rung_fact(law, case, clock, rung)))
                passed = clock.model_copy(update={"overdue": clock.overdue or rung.kind != "warning"})
                clock = with_next_rung(law, law.rule(clock.rule_set, clock.rule), passed, after=rung.at)
            elif found is not None:
                correction, moved = found
                steps += [Step(clock.rule, None, fact) for fact in moves.facts(law, case, clock, moved, correction)]
                clock = moved
            else:
                break
        clocks[index] = clock
    steps.sort(key=lambda step: step.fact.time)
    return case.model_copy(update={"clocks": tuple(clocks)}), steps


def _rung_fact(law: Law, case: Case, clock: Clock, rung: Rung) -> Fact:
    common: dict[str, Any] = {
        "feedback_id": case.feedback_id,
        "code": case.code,
        "clock_id": clock.id,
        "rule": clock.rule,
        "agency": clock.agency,
        "due_at": clock.due_at,
        "due_date": clock.due_date,
        "explanation": clock.explanation,
        "verified": law.rule_set(clock.rule_set).verified,
    }
    event: Event
    if rung.kind == "warning":
        event = schemas.DeadlineWarning(**common, days_before=rung.number)
    else:
        event = schemas.FeedbackOverdue(**common, times=rung.number)
    to = (topics.FEEDBACK, topics.assignments(clock.agency))
    cause = f"{clock.id}/{rung.kind}/{rung.number}" + (f"/{clock.moves}" if clock.moves else "")
    return _fact(case, event, rung.at, cause, "", to)


def _set_fact(law: Law, case: Case, clock: Clock, at: datetime, cause: str) -> Fact:
    rule_set = law.rule_set(clock.rule_set)
    event = schemas.DeadlineSet(
        feedback_id=case.feedback_id,
        code=case.code,
        clock_id=clock.id,
        rule=clock.rule,
        agency=clock.agency,
        started_at=clock.started_at,
        due_at=clock.due_at,
        due_date=datetime.fromisoformat(clock.due_date).date(),
        limit=clock.limit,
        unit=clock.unit,
        rule_set=clock.rule_set,
        article=moves.article(law.pack, rule_set, clock),
        verified=rule_set.verified,
        calendar_version=clock.calendar_version,
        explanation=clock.explanation,
    )
    return _fact(case, event, at, cause, clock.id, (topics.FEEDBACK, topics.assignments(clock.agency)))


def _fact(case: Case, event: Event, at: datetime, cause: str, discriminator: str, to: Sequence[str] = (topics.FEEDBACK,)) -> Fact:
    return schemas.fact(
        event, cause=cause, subject=case.feedback_id, time=at, source=moves.SOURCE, topics=tuple(to), discriminator=discriminator
    )
