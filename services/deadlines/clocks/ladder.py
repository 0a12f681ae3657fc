"""The ladder of a clock: the instants of its warnings, its end, and the progress duties after a missed limit. Pure."""

import itertools
from collections.abc import Iterator
from datetime import date, datetime, timedelta

from services.deadlines.clocks.clock import Clock, Rung, rule_of
from services.deadlines.law.known import Law
from services.deadlines.law.workdays import CalendarEnds


def ladder(law: Law, clock: Clock) -> Iterator[Rung]:
    """The rungs of a clock in order: warnings, overdue, and the progress duties to come, as far as the calendar reaches.

    One that is not counted yet has none.
    """
    if clock.due_at is None or clock.due_date is None:
        return
    days, rule = law.calendar(clock.calendar_version), rule_of(law, clock)
    due_date = date.fromisoformat(clock.due_date)
    for number in sorted(rule.warn_before, reverse=True):
        try:
            at = days.start_of(days.before(due_date, number))
        except CalendarEnds:
            # The day lies before the calendar begins, so it is past anyway.
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
            # Nothing is guessed: the duty goes on when the calendar does.
            return
        yield Rung(kind="progress", at=days.end_of(day), number=number)


def with_next_rung(law: Law, clock: Clock, after: datetime) -> Clock:
    """The clock with the first rung of its ladder that lies after `after`.

    An overdue that was not fired is never left out: it comes at once, and not before `after`. Of two progress duties that a
    row of days off brings to one working day, both come.
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
    if rung is not None and rung.at < (not_before := max(after, clock.told_at)):
        rung = rung.model_copy(update={"at": not_before})
    return clock.model_copy(update={"next_rung": rung})
