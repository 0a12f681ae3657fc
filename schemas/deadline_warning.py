"""From deadlines, in the lifecycle topic and to the clock's agency."""

from datetime import date

from pydantic import AwareDatetime, Field

from schemas.day_count import DayCount
from schemas.values import ClockEvent


class DeadlineWarning(ClockEvent):
    """A clock comes near its end.

    The ladder is data of the rule set (`warn_before`, working days).
    """

    due_at: AwareDatetime
    due_date: date
    days_before: int | None = Field(default=None, ge=0, description="how many working days the warning comes before the last day")
    count: DayCount | None = None
    verified: bool | None = Field(default=None, description="false: nobody has yet compared this limit with the text of the law")
    warned_at: AwareDatetime
