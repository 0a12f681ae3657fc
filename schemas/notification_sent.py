"""From notify, in the lifecycle topic."""

from pydantic import AwareDatetime

from schemas.values import CaseEvent, OpenLetterChannel, OpenMoment


class NotificationSent(CaseEvent):
    """A letter was handed over to the mail server, which accepted it.

    The address is in no event; Article 38(3) of Decision 31/2021/QĐ-TTg names the moments.
    """

    notification_id: str
    moment: OpenMoment
    channel: OpenLetterChannel = "email"
    template_version: str | None = None
    sent_at: AwareDatetime
