"""From deadlines, in the lifecycle topic and to the clock's agency."""

from datetime import date

from pydantic import AwareDatetime, Field

from schemas.day_count import DayCount
from schemas.values import ClockEvent


class FeedbackOverdue(ClockEvent):
    """A limit has ended without what it asks for, or one of the progress reports is due that the law asks for from then on.

    Law: the rule set named by the clock; the progress duty after Decision 574/QĐ-TTg (2017), unverified for later law.
    """

    due_at: AwareDatetime
    due_date: date
    times: int = Field(ge=0, description="0: the limit has ended; 1, 2, ...: that progress report is due")
    count: DayCount | None = None
    verified: bool | None = Field(default=None, description="false: nobody has yet compared this limit with the text of the law")
    overdue_at: AwareDatetime = Field(description="when that was")
