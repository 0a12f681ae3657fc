"""The ladder of a clock: its rungs are the warnings, the overdue, and the progress duties after a missed limit. Pure."""

import itertools
from collections.abc import Iterator
from datetime import date, datetime, timedelta

from services.deadlines.clocks.clock import Clock, Rung, rule_of
from services.deadlines.law.known import Law
from services.deadlines.law.workdays import CalendarEnds


def ladder(law: Law, clock: Clock) -> Iterator[Rung]:
    """The rungs of a clock in order: warnings, overdue, and the coming progress duties, as far as the calendar reaches.

    A clock that is not counted has none.
    """
    if clock.due_at is None or clock.due_date is None:
        return
    days, rule = law.calendar(clock.calendar_version), rule_of(law, clock)
    due_date = date.fromisoformat(clock.due_date)
    for number in sorted(rule.warn_before, reverse=True):
        try:
            at = days.start_of(days.before(due_date, number))
        except CalendarEnds:
            # The day is before the calendar begins, so it is past anyway.
            continue
        if at < clock.due_at:
            yield Rung(kind="warning", at=at, number=number)
    if rule.missed != "overdue":
        return
    yield Rung(kind="overdue", at=clock.due_at, number=0)
    if rule.progress_every is None:
        return
    for number in itertools.count(clock.progress + 1):
        try:
            if rule.progress_every.unit == "days":
                # A last day that is off moves to the next working day here too (Civil Code 2015, Article 148(5)).
                day = days.at_or_after(due_date + timedelta(days=rule.progress_every.n * number))
            else:
                day = days.add(due_date, rule.progress_every.n * number)
        except CalendarEnds:
            # Nothing is guessed: the duties go on once a longer calendar is known.
            return
        yield Rung(kind="progress", at=days.end_of(day), number=number)


def with_next_rung(law: Law, clock: Clock, after: datetime) -> Clock:
    """The clock with the first rung of its ladder after the legal instant `after`.

    An overdue that has not fired is never left out: if its instant is past, it is due at `after`. If a row of days off
    moves two progress duties to one working day, both are due.
    """

    def comes(rung: Rung) -> bool:
        match rung.kind:
            case "warning":
                return rung.at > after
            case "overdue":
                return not clock.overdue
            case "progress":
                return rung.at >= after

    rung = next(filter(comes, ladder(law, clock)), None)
    if rung is not None and rung.at < (not_before := max(after, clock.last_event_at)):
        rung = rung.model_copy(update={"at": not_before})
    return clock.model_copy(update={"next_rung": rung})
