"""From intake, in the lifecycle topic."""

from pydantic import AwareDatetime

from schemas.values import CaseEvent


class FeedbackRated(CaseEvent):
    """The sender rated the published reply: satisfied or not (indicator 5.3 of Decision 766/QĐ-TTg).

    Law: Decision 766/QĐ-TTg, group 5.
    """

    satisfied: bool
    rated_at: AwareDatetime
