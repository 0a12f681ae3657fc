"""From notify, in the lifecycle topic."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from schemas.values import CaseEvent, OpenLetterChannel, OpenMoment, open_text

Undelivered = Literal["failed", "uncertain", "undeliverable"]


class NotificationFailed(CaseEvent):
    """A letter could not be delivered, or nobody knows whether it was; an operator must look.

    `uncertain` letters are never sent again without a person's decision.
    """

    notification_id: str
    moment: OpenMoment
    channel: OpenLetterChannel = "email"
    outcome: Annotated[str, open_text("what became of the letter", Undelivered)]
    reason: str = Field(
        description="codes only, for the operator, such as `data: 550 5.1.1`: the words of a mail server may hold an address"
    )
    failed_at: AwareDatetime
