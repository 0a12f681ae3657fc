"""Counts running clocks again after the calendar or a rule set was corrected, and says what moved. Pure.

`recount.py` calls `move` for each case that a store finds; `pakn calendar apply --dry-run` only looks at the answer. A
closed clock keeps what it was counted by: what was met or late by the law as it was known then stays so.
"""

from datetime import UTC, date, datetime, timedelta

import schemas
from schemas import Event, Fact, topics
from services.deadlines.clocks import Case, Clock, Law, due, explanation, with_next_rung
from services.deadlines.workdays import CalendarEnds
from services.errors import GiveUp
from services.packs import Pack, Rule, RuleSet

SOURCE = "/pakn/deadlines"


def move(law: Law, case: Case, now: datetime) -> tuple[Case, list[Fact]]:
    """The case with every open clock counted by the law as it is known now, and the facts about those that moved.

    `now` is legal time. Doing it again changes nothing. Raises GiveUp where the calendar does not reach.
    """
    clocks: list[Clock] = []
    facts: list[Fact] = []
    for clock in case.clocks:
        recounted = recount(law, case, clock, now) if clock.state == "open" else clock
        clocks.append(recounted)
        facts += _facts(law, case, clock, recounted, now)
    return case.model_copy(update={"clocks": tuple(clocks)}), facts


def recount(law: Law, case: Case, clock: Clock, now: datetime) -> Clock:
    """The clock as it is counted now. Rungs that were due and not fired yet come by the new count, none of them twice."""
    today = law.days.local_day(now)
    if not law.is_outdated(clock.count, today):
        return clock
    rule_set, rule = _rule(law, clock, today)
    corrected = (rule_set.id, rule_set.revision) != (clock.rule_set, clock.revision)
    limit = law.pack.limit(rule, case.category, clock.agency) if corrected else clock.limit
    unit = rule.limit.unit if corrected else clock.unit
    try:
        due_at, due_date = due(law.days, clock.started_at, limit, unit)
    except CalendarEnds as error:
        raise GiveUp("missing_rule_set", str(error)) from None
    fired_until = min(now, clock.next_rung.at - timedelta(microseconds=1)) if clock.next_rung else now
    recounted = clock.model_copy(
        update={
            "rule_set": rule_set.id,
            "revision": rule_set.revision,
            "calendar_version": law.days.calendar.version,
            "limit": limit,
            "unit": unit,
            "due_at": due_at,
            "due_date": due_date.isoformat(),
            "explanation": explanation(law.days, clock.started_at, limit, unit, due_date),
            "overdue": clock.overdue and due_at <= now,
            "moves": clock.moves + (due_at != clock.due_at),
        }
    )
    return with_next_rung(law, rule, recounted, after=fired_until)


def _rule(law: Law, clock: Clock, today: date) -> tuple[RuleSet, Rule]:
    """The rule that a clock goes by now. A later set without this rule takes no clock of it over."""
    for rule_set in (law.governing(clock.rule_set, today), law.rule_set(clock.rule_set)):
        if clock.rule in rule_set.rules:
            return rule_set, rule_set.rules[clock.rule]
    raise GiveUp("missing_rule_set", f"rule {clock.rule} of an open clock is no longer in {clock.rule_set}; add it again")


def _facts(law: Law, case: Case, before: Clock, after: Clock, now: datetime) -> list[Fact]:
    if after.due_at == before.due_at:
        return []
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
            "reason": "calendar" if before.count[1:] == after.count[1:] else "rule_set",
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
            "moved_at": now,
        }
    )
    return [_fact(case, after, moved, now), *withdrawn(case, before, after, now)]


def withdrawn(case: Case, before: Clock, after: Clock, now: datetime) -> list[Fact]:
    """The fact that takes an overdue back, where the clock was overdue and is not by its new count."""
    if after.overdue or not before.overdue:
        return []
    event = schemas.OverdueWithdrawn(
        feedback_id=case.feedback_id,
        code=case.code,
        clock_id=after.id,
        rule=after.rule,
        agency=after.agency,
        due_at=after.due_at,
        due_date=date.fromisoformat(after.due_date),
        explanation=after.explanation,
        withdrawn_at=now,
    )
    return [_fact(case, after, event, now)]


def article(pack: Pack, rule_set: RuleSet, clock: Clock) -> str:
    """The article that a clock stands on, in the pack's own language."""
    return rule_set.rules[clock.rule].article[pack.header.default_language]


def _fact(case: Case, clock: Clock, event: Event, now: datetime) -> Fact:
    # By clock and count alone, so that what is published again after a crash is the same fact.
    cause = f"{clock.id}/moved/{clock.count}"
    to = (topics.FEEDBACK, topics.assignments(clock.agency))
    return schemas.fact(event, cause=cause, subject=case.feedback_id, time=now.astimezone(UTC), source=SOURCE, topics=to)
