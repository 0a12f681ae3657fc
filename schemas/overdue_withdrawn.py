"""OverdueWithdrawn: an overdue no longer holds, because the deadline has moved to a later day. It says why."""

from datetime import date

from pydantic import AwareDatetime, Field

from schemas.envelope import Event
from schemas.values import FeedbackCode, FeedbackId, RuleName, Slug


class OverdueWithdrawn(Event):
    """An overdue no longer holds, because the deadline has moved to a later day. It says why.

    FeedbackOverdue stays in the topic, since it was true by what was known then; whoever counted it takes it back.
    """

    feedback_id: FeedbackId
    code: FeedbackCode
    clock_id: str
    rule: RuleName
    agency: Slug
    due_at: AwareDatetime = Field(description="the instant that holds now")
    due_date: date
    explanation: str
    withdrawn_at: AwareDatetime
