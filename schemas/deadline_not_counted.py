"""From deadlines, in the lifecycle topic and to the clock's agency."""

from pydantic import AwareDatetime, Field

from schemas.values import ClockEvent, DayCount


class DeadlineNotCounted(ClockEvent):
    """A clock was opened for an agency, and its last day is not known: the working calendar ends before it.

    A `DeadlineSet` follows when a longer calendar is applied before the duty is done, and nothing else does until then.
    Law: the rule set named in the event; counting after the Civil Code 2015, Articles 147 and 148.
    """

    started_at: AwareDatetime
    count: DayCount = Field(description="the limit, without the days out of the ordinary: those are not known as far as its end")
    rule_set: str
    article: str
    verified: bool = Field(description="false: nobody has yet compared this limit with the text of the law")
    calendar_version: str = Field(description="of the calendar that ends too early")
