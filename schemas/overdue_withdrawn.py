"""OverdueWithdrawn: an overdue no longer holds, because its day has moved or the answer came in time. It says why."""

from datetime import date
from typing import Literal

from pydantic import AwareDatetime, Field

from schemas.envelope import Event
from schemas.values import DayCount, FeedbackCode, FeedbackId, RuleName, Slug


class OverdueWithdrawn(Event):
    """An overdue no longer holds, because its day has moved or the answer came in time. It says why.

    FeedbackOverdue stays in the topic, since it was true by what was known then; whoever counted it takes it back.
    """

    feedback_id: FeedbackId
    code: FeedbackCode
    clock_id: str
    rule: RuleName
    agency: Slug
    due_at: AwareDatetime = Field(description="the instant that holds now")
    due_date: date
    count: DayCount
    withdrawn_at: AwareDatetime
    reason: Literal["calendar", "rule_set", "in_time"] | None = Field(
        default=None,
        description="what has moved the day; or in_time: what ends the clock came before its day, and was handled only later",
    )
