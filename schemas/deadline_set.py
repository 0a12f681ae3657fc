"""From deadlines, in the lifecycle topic and to the clock's agency."""

from datetime import date

from pydantic import AwareDatetime, Field

from schemas.values import ClockEvent, DayCount


class DeadlineSet(ClockEvent):
    """A clock was opened for an agency, with the law it stands on and its last day.

    It comes with what has opened the clock, or later where the working calendar did not reach the last day then.
    Law: the rule set named in the event; counting after the Civil Code 2015, Articles 147 and 148.
    """

    started_at: AwareDatetime
    due_at: AwareDatetime = Field(description="the instant at which the last day has ended (24:00 local time)")
    due_date: date = Field(description="the last local day, which counts in full")
    count: DayCount
    rule_set: str
    article: str
    verified: bool = Field(description="false: nobody has yet compared this limit with the text of the law")
    calendar_version: str
