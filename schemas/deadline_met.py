"""From deadlines, in the lifecycle topic."""

from pydantic import AwareDatetime

from schemas.values import ClockEvent


class DeadlineMet(ClockEvent):
    """What a clock waited for has happened, in time or late.

    On time means on or before the last day (Decision 766/QĐ-TTg, indicator 5.2).
    """

    due_at: AwareDatetime
    met_at: AwareDatetime
    late: bool
