"""From notify, in the lifecycle topic."""

from pydantic import AwareDatetime, Field

from schemas.values import CaseEvent, OpenLetterChannel, OpenMoment


class NotificationSent(CaseEvent):
    """The mail server accepted a letter, or the SMS gateway a text message.

    No event has the address or the number; Article 38(3) of Decision 31/2021/QĐ-TTg names the moments.
    """

    notification_id: str
    moment: OpenMoment
    channel: OpenLetterChannel = "email"
    template_version: str | None = None
    sent_at: AwareDatetime
    parts: int | None = Field(default=None, ge=1, description="of a text message: how many messages it is charged as")
