"""From deadlines, in the lifecycle topic and to the clock's agency."""

from datetime import date
from typing import Annotated

from pydantic import AwareDatetime, Field

from schemas.day_count import DayCount
from schemas.values import ClockEvent, WithdrawalReason, open_text


class OverdueWithdrawn(ClockEvent):
    """An overdue no longer holds, with all its progress reports: its day has moved, or the answer came in time.

    FeedbackOverdue stays in the topic, since it was true by what was known then; whoever counted it takes it back.
    """

    due_at: AwareDatetime = Field(description="the instant that holds now")
    due_date: date
    count: DayCount | None = None
    withdrawn_at: AwareDatetime
    because: Annotated[
        str,
        open_text(
            "what has moved the day; or in_time: what ends the clock came before its day, and was handled only later",
            WithdrawalReason,
        ),
    ]
