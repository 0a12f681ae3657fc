"""From intake, in the lifecycle topic; routing passes it on to the agency."""

from pydantic import AwareDatetime

from schemas.envelope import Event
from schemas.values import Attachment, FeedbackCode, FeedbackId, Text


class FeedbackSupplemented(Event):
    """The sender answered what was asked (đã bổ sung); the agency's limit starts anew.

    Law: a supplemented feedback waits to be received again (measurement of Decision 766/QĐ-TTg).
    """

    feedback_id: FeedbackId
    code: FeedbackCode
    content: Text
    attachments: tuple[Attachment, ...] = ()
    supplemented_at: AwareDatetime
