"""The events about a clock, as facts of the lifecycle topic and of its agency's topic. Pure."""

from datetime import UTC, datetime
from typing import Any

import schemas
from schemas import Event, Fact, topics
from services.deadlines.clocks.clock import Case, Clock
from services.deadlines.law.known import Law


def about(case: Case, clock: Clock) -> dict[str, Any]:
    """The fields of every event about a clock."""
    return {"feedback_id": case.feedback_id, "code": case.code, "clock_id": clock.id, "rule": clock.rule, "agency": clock.agency}


def by_law(law: Law, clock: Clock) -> dict[str, Any]:
    """The fields of every event that names the law by which a clock was counted."""
    rule_set = law.rule_set(clock.rule_set, clock.revision)
    return {
        "rule_set": rule_set.id,
        "article": rule_set.rules[clock.rule].article[law.pack.header.default_language],
        "verified": rule_set.verified,
        "calendar_version": clock.calendar_version,
    }


def last_day(clock: Clock) -> dict[str, Any]:
    """The fields of every event that names the last day of a clock."""
    return {"due_at": clock.due_at, "due_date": clock.due_date, "count": clock.count}


def clock_fact(
    case: Case, clock: Clock, event: Event, at: datetime, cause: str, *, discriminator: str = "", to_agency: bool = True
) -> Fact:
    """An event about a clock as a fact of the lifecycle topic and, with `to_agency`, of the agency's topic."""
    to = (topics.FEEDBACK, topics.assignments(clock.agency)) if to_agency else (topics.FEEDBACK,)
    return schemas.fact(
        event,
        cause=cause,
        subject=case.feedback_id,
        time=at.astimezone(UTC),
        source="/pakn/deadlines",
        topics=to,
        discriminator=discriminator,
    )


def opened_facts(law: Law, case: Case, clock: Clock, at: datetime, cause: str) -> list[Fact]:
    """The fact that a clock runs: with its last day, or that no calendar reaches it, so that nobody waits for a day in vain."""
    if clock.due_at is not None:
        return set_facts(law, case, clock, at, cause)
    event = schemas.DeadlineNotCounted.model_validate(
        about(case, clock) | by_law(law, clock) | {"started_at": clock.started_at, "count": clock.count}
    )
    return [clock_fact(case, clock, event, at, cause, discriminator=clock.id)]


def set_facts(law: Law, case: Case, clock: Clock, at: datetime, cause: str) -> list[Fact]:
    """The fact that a clock runs, with its last day and its law; no fact for a clock that is not counted."""
    if clock.due_at is None:
        return []
    event = schemas.DeadlineSet.model_validate(
        about(case, clock) | last_day(clock) | by_law(law, clock) | {"started_at": clock.started_at}
    )
    return [clock_fact(case, clock, event, at, cause, discriminator=clock.id)]
