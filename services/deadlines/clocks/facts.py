"""What is told of a clock: the events about it as facts of the lifecycle topic and of its agency's own. Pure."""

from datetime import UTC, datetime
from typing import Any

import schemas
from schemas import Event, Fact, topics
from services.deadlines.clocks.clock import Case, Clock, rule_of
from services.deadlines.law.known import Law


def article(law: Law, clock: Clock) -> str:
    """The article that a clock stands on, in the pack's own language."""
    return rule_of(law, clock).article[law.pack.header.default_language]


def about(case: Case, clock: Clock) -> dict[str, Any]:
    """What every event about a clock says of it."""
    return {"feedback_id": case.feedback_id, "code": case.code, "clock_id": clock.id, "rule": clock.rule, "agency": clock.agency}


def clock_fact(
    case: Case, clock: Clock, event: Event, at: datetime, cause: str, *, discriminator: str = "", agency_hears: bool = True
) -> Fact:
    """An event about a clock as a fact of the lifecycle topic and, where it hears of it, of the agency's own."""
    to = (topics.FEEDBACK, topics.assignments(clock.agency)) if agency_hears else (topics.FEEDBACK,)
    return schemas.fact(
        event,
        cause=cause,
        subject=case.feedback_id,
        time=at.astimezone(UTC),
        source="/pakn/deadlines",
        topics=to,
        discriminator=discriminator,
    )


def set_facts(law: Law, case: Case, clock: Clock, at: datetime, cause: str) -> list[Fact]:
    """What is told of a clock that runs from now on: its due day and the law it stands on; nothing before it is counted."""
    if clock.due_at is None:
        return []
    event = schemas.DeadlineSet.model_validate(
        about(case, clock)
        | {
            "started_at": clock.started_at,
            "due_at": clock.due_at,
            "due_date": clock.due_date,
            "limit": clock.limit,
            "unit": clock.unit,
            "rule_set": clock.rule_set,
            "article": article(law, clock),
            "verified": law.rule_set(clock.rule_set, clock.revision).verified,
            "calendar_version": clock.calendar_version,
            "explanation": clock.explanation,
        }
    )
    return [clock_fact(case, clock, event, at, cause, discriminator=clock.id)]
