"""From intake, in the lifecycle topic; routing passes it on to the agency."""

from pydantic import AwareDatetime

from schemas.values import Attachment, CaseEvent, Text


class FeedbackSupplemented(CaseEvent):
    """The sender answered what was asked (đã bổ sung); the agency's limit starts anew.

    Law: a supplemented feedback waits to be received again (measurement of Decision 766/QĐ-TTg).
    """

    content: Text
    attachments: tuple[Attachment, ...] = ()
    supplemented_at: AwareDatetime
