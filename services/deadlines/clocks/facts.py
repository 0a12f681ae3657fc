"""The events about clocks, as facts of the lifecycle topic and of its agency's topic. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import schemas
from schemas import Event, Fact, topics
from schemas.deadlines_changed import ClockCancelled, ClockMet, ClockNotCounted, ClockSet
from schemas.values import Moment, MoveReason
from services.deadlines.clocks.clock import Case, Clock
from services.deadlines.law.known import Law

Change = ClockMet | ClockCancelled | ClockSet | ClockNotCounted


def which(clock: Clock) -> dict[str, Any]:
    """The fields of everything that is told of one clock."""
    return {"clock_id": clock.id, "rule": clock.rule, "agency": clock.agency}


def about(case: Case, clock: Clock) -> dict[str, Any]:
    """The fields of every event about one clock."""
    return {"feedback_id": case.feedback_id, "code": case.code} | which(clock)


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
    case: Case, clock: Clock, event: Event, at: datetime, cause: str, *, discriminator: str = "", causation: str = ""
) -> Fact:
    """An event about one clock as a fact of the lifecycle topic and of the agency's topic.

    `causation` is the clock's id where `cause` is no event but the clock's own running.
    """
    return _fact(case, event, at, cause, (topics.FEEDBACK, topics.assignments(clock.agency)), discriminator, causation)


def _fact(case: Case, event: Event, at: datetime, cause: str, to: tuple[str, ...], discriminator: str, causation: str) -> Fact:
    return schemas.fact(
        event,
        cause=cause,
        subject=case.feedback_id,
        time=at.astimezone(UTC),
        source="/pakn/deadlines",
        topics=to,
        discriminator=discriminator,
        causation=causation,
    )


def runs(law: Law, clock: Clock) -> Change:
    """What is told of a clock that runs: its last day, or that no calendar reaches it, so that nobody waits for a day in vain."""
    fields = which(clock) | by_law(law, clock) | {"revision": clock.revision, "started_at": clock.started_at, "count": clock.count}
    if clock.due_at is None:
        return ClockNotCounted.model_validate(fields)
    return ClockSet.model_validate(fields | last_day(clock))


def met(clock: Clock, due_at: datetime | None, at: datetime) -> Change:
    """What is told of a clock that was met at `at`; its last day was known to end at `due_at`, none if no calendar reached it."""
    return ClockMet.model_validate(which(clock) | ({"due_at": due_at, "late": at >= due_at} if due_at else {}))


def cancelled(clock: Clock) -> Change:
    """What is told of a clock whose duty no longer exists."""
    return ClockCancelled.model_validate(which(clock))


def changed(
    case: Case, changes: Sequence[Change], because: Moment | MoveReason, at: datetime, cause: str, causation: str = ""
) -> list[Fact]:
    """The one fact of what a cause has done to the clocks of a case; none if it has done nothing.

    `causation` is the clock's id where `cause` is no event.
    The fact of the lifecycle topic has an id by its cause alone. Where the clocks are those of several agencies, a fact of its
    own tells each agency of its clocks.
    """
    if not changes:
        return []
    agencies = sorted({change.agency for change in changes})
    event = _changed(case, changes, because, at)
    if len(agencies) == 1:
        return [_fact(case, event, at, cause, (topics.FEEDBACK, topics.assignments(agencies[0])), "", causation)]
    facts = [_fact(case, event, at, cause, (topics.FEEDBACK,), "", causation)]
    for agency in agencies:
        own = _changed(case, [change for change in changes if change.agency == agency], because, at)
        facts.append(_fact(case, own, at, cause, (topics.assignments(agency),), agency, causation))
    return facts


def _changed(case: Case, changes: Sequence[Change], because: str, at: datetime) -> schemas.DeadlinesChanged:
    return schemas.DeadlinesChanged(
        feedback_id=case.feedback_id,
        code=case.code,
        because=because,
        changed_at=at,
        met=tuple(change for change in changes if isinstance(change, ClockMet)),
        cancelled=tuple(change for change in changes if isinstance(change, ClockCancelled)),
        set=tuple(change for change in changes if isinstance(change, ClockSet)),
        not_counted=tuple(change for change in changes if isinstance(change, ClockNotCounted)),
    )
