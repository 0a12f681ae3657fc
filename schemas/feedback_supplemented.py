"""From intake, in the lifecycle topic; routing passes it on to the agency."""

from pydantic import AwareDatetime, Field

from schemas.values import CaseEvent


class FeedbackSupplemented(CaseEvent):
    """The sender answered what was asked (đã bổ sung); the agency's limit starts anew.

    Law: a supplemented feedback waits to be received again (measurement of Decision 766/QĐ-TTg).
    """

    number: int = Field(ge=1, description="the first, second, ... of this feedback; what it says is in the matter")
    supplemented_at: AwareDatetime
