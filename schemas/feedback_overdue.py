"""From deadlines, in the lifecycle topic and to the clock's agency."""

from datetime import date

from pydantic import AwareDatetime, Field

from schemas.day_count import DayCount
from schemas.values import ClockEvent


class FeedbackOverdue(ClockEvent):
    """A limit has passed without what it asks for; `times` counts the progress duties that follow (every N days).

    Law: the rule set named by the clock; the progress duty after Decision 574/QĐ-TTg (2017), unverified for later law.
    """

    due_at: AwareDatetime
    due_date: date
    times: int = Field(ge=0, description="0 when the limit passed, then 1, 2, ... at each progress duty")
    count: DayCount
    verified: bool = Field(description="false: nobody has yet compared this limit with the text of the law")
