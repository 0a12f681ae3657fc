"""From deadlines, in the lifecycle topic; to each agency, what concerns its own clocks."""

from datetime import date
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from schemas.day_count import DayCount
from schemas.values import CaseEvent, Moment, MoveReason, OfClock, open_text


class ClockMet(OfClock):
    """What a clock waited for has happened, in time or late.

    On time means on or before the last day (Decision 766/QĐ-TTg, indicator 5.2).
    """

    due_at: AwareDatetime | None = Field(
        default=None,
        description="the end of the last day, as it was known when the clock was met; absent if no calendar reaches it",
    )
    late: bool | None = Field(default=None, description="absent with due_at: nobody can say")


class ClockCancelled(OfClock):
    """A clock was closed because its duty no longer exists, for example after a transfer."""


class _ClockRuns(OfClock):
    started_at: AwareDatetime
    count: DayCount
    rule_set: str
    revision: int = Field(description="which correction of the rule set was counted by")
    article: str
    verified: bool = Field(description="false: nobody has yet compared this limit with the text of the law")
    calendar_version: str


class ClockSet(_ClockRuns):
    """A clock runs, with the law it stands on and its last day. A met clock that runs again keeps its last day."""

    due_at: AwareDatetime = Field(
        description="when the limit has ended: of days 24:00 local time of the last one, of hours that instant"
    )
    due_date: date = Field(description="the last local day, which counts in full")


class ClockNotCounted(_ClockRuns):
    """A clock runs, and its last day is not known: the working calendar, whose version it names, ends before that day.

    Its `count` has the limit without the days out of the ordinary. When a longer calendar is applied before the duty is done,
    the clock is `set` by another fact. It can be met or cancelled before that, as every clock.
    """


class DeadlinesChanged(CaseEvent):
    """What one cause has done to the clocks of a case: which it has closed, met or cancelled, and then which it has set.

    The cause is an event of the case, or a corrected calendar or rule set by which a clock is counted for the first time.
    Which events set, meet and cancel a clock is data of its rule set. The fact of the lifecycle topic has every clock; that of
    an agency's topic has the clocks of that agency.
    Law: the rule set that each clock names; counting after the Civil Code 2015, Articles 147 and 148.
    """

    because: Annotated[
        str, open_text("the moment of the law that the cause is, or what was corrected", Literal[Moment, MoveReason])
    ]
    changed_at: AwareDatetime = Field(description="when the cause happened")
    met: tuple[ClockMet, ...] = ()
    cancelled: tuple[ClockCancelled, ...] = ()
    set: tuple[ClockSet, ...] = ()
    not_counted: tuple[ClockNotCounted, ...] = ()
