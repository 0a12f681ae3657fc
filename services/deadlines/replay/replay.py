"""Rebuilds from the lifecycle topic alone which clocks ran, were met or were late at any instant. Pure.

A fact that is repeated, as after a crash, counts once.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import BaseModel

import schemas
from schemas import Envelope
from schemas.deadlines_changed import ClockMet, ClockSet

# The events that concern clocks.
READ = frozenset({"DeadlinesChanged", "DeadlineMoved", "FeedbackOverdue", "OverdueWithdrawn"})


@dataclass(slots=True)
class ReplayedClock:
    """A clock by the facts of the topic. `overdue`: an overdue was published and not taken back.

    It has no last day while no calendar reaches that day.
    """

    rule: str
    agency: str
    due_at: datetime | None
    state: Literal["open", "met", "cancelled"] = "open"
    met_late: bool = False
    overdue: bool = False


class Replay:
    """The clocks at the legal instant `at`, by id in `clocks`. `unreadable` counts records that could not be used."""

    def __init__(self, at: datetime) -> None:
        self.at = at
        self.clocks: dict[str, ReplayedClock] = {}
        self.unreadable = 0
        self._known: set[str] = set()

    def take(self, envelope: Envelope, event: BaseModel) -> None:
        """Take in one record of the topic, in the topic's order. Facts after `at` are ignored."""
        if envelope.time > self.at or envelope.id in self._known:
            return
        self._known.add(envelope.id)
        if isinstance(event, schemas.DeadlinesChanged):
            self.unreadable += not self._change(event)
            return
        clock = self.clocks.get(getattr(event, "clock_id", ""))
        if clock is None:
            # The fact that set it is missing or could not be read.
            self.unreadable += 1
            return
        match event:
            case schemas.DeadlineMoved():
                clock.due_at = event.due_at
            case schemas.FeedbackOverdue():
                clock.overdue = True
            case schemas.OverdueWithdrawn():
                clock.overdue = False

    def _change(self, event: schemas.DeadlinesChanged) -> bool:
        """Close and set the clocks that the event names; false if the fact that set one of the closed is missing."""
        for row in (*event.met, *event.cancelled):
            if clock := self.clocks.get(row.clock_id):
                clock.state = "met" if isinstance(row, ClockMet) else "cancelled"
                clock.met_late = isinstance(row, ClockMet) and bool(row.late)
        known = all(row.clock_id in self.clocks for row in (*event.met, *event.cancelled))
        for run in (*event.set, *event.not_counted):
            # A clock is set again if its reply is sent back. It runs on as before, overdue or not.
            former = self.clocks.get(run.clock_id)
            overdue = former.overdue if former else False
            due_at = run.due_at if isinstance(run, ClockSet) else None
            self.clocks[run.clock_id] = ReplayedClock(run.rule, run.agency, due_at, overdue=overdue)
        return known

    def counts(self) -> dict[str, Counter[str]]:
        """The number of clocks by rule and standing."""
        result: dict[str, Counter[str]] = {}
        for clock in self.clocks.values():
            result.setdefault(clock.rule, Counter())[self.standing(clock)] += 1
        return result

    def standing(self, clock: ReplayedClock) -> str:
        """How a clock stands at `at`: `open`, `past` its last day or `uncounted`, `met`, `met late`, or `cancelled`."""
        if clock.state == "open":
            return "uncounted" if clock.due_at is None else "past" if clock.due_at <= self.at else "open"
        if clock.state == "met":
            return "met late" if clock.met_late else "met"
        return "cancelled"
