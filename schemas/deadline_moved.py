"""From deadlines, in the lifecycle topic and to the clock's agency."""

from datetime import date
from typing import Annotated

from pydantic import AwareDatetime, Field

from schemas.day_count import DayCount
from schemas.values import ClockEvent, MoveReason, open_text


class DeadlineMoved(ClockEvent):
    """The last day of a running clock is another one now, because the calendar or a rule set was corrected.

    Days off are exchanged by letters that come days before (Labour Code 2019, Articles 111 and 112), so a limit that was
    counted before such a letter is counted again. The fact has the former count and the new one. If another rule set
    takes the clock over, it is published even if the day stays the same.
    """

    because: Annotated[str, open_text("what was corrected", MoveReason)]
    previous_due_at: AwareDatetime
    previous_due_date: date
    due_at: AwareDatetime = Field(
        description="when the limit has ended: of days 24:00 local time of the last one, of hours that instant"
    )
    due_date: date = Field(description="the last local day, which counts in full")
    nearer: bool = Field(description="true: the agency has less time than it was told before")
    count: DayCount
    rule_set: str
    revision: int = Field(description="which correction of the rule set was counted by")
    previous_rule_set: str = Field(description="the one that it was counted by before")
    previous_revision: int
    article: str
    verified: bool = Field(description="false: nobody has yet compared this limit with the text of the law")
    calendar_version: str
    previous_calendar_version: str
    moved_at: AwareDatetime
