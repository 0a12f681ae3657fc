"""From deadlines, in the lifecycle topic."""

from pydantic import AwareDatetime

from schemas.envelope import Event
from schemas.values import FeedbackCode, FeedbackId, OpenRule, Slug


class DeadlineMet(Event):
    """What a clock waited for has happened, in time or late.

    On time means on or before the last day (Decision 766/QĐ-TTg, indicator 5.2).
    """

    feedback_id: FeedbackId
    code: FeedbackCode
    clock_id: str
    rule: OpenRule
    agency: Slug
    due_at: AwareDatetime
    met_at: AwareDatetime
    late: bool
