"""From deadlines, in the lifecycle topic and to the clock's agency."""

from datetime import date

from pydantic import AwareDatetime, Field

from schemas.day_count import DayCount
from schemas.values import ClockEvent


class DeadlineWarning(ClockEvent):
    """A clock comes near its end: the agency's topic gets this too.

    The ladder is data of the rule set (`warn_before`, working days).
    """

    due_at: AwareDatetime
    due_date: date
    days_before: int = Field(ge=0, description="how many working days this one lies before the last day")
    count: DayCount
    verified: bool = Field(description="false: nobody has yet compared this limit with the text of the law")
