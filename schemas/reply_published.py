"""From routing, in the lifecycle topic."""

from pydantic import AwareDatetime

from schemas.envelope import Event
from schemas.values import Account, FeedbackCode, FeedbackId, Line, Slug, Text


class ReplyPublished(Event):
    """The reply is public (đã công khai). Notify writes to the sender.

    Law: Decision 31/2021/QĐ-TTg, Articles 38(3)(c) and 46(1).
    """

    feedback_id: FeedbackId
    code: FeedbackCode
    agency: Slug
    actor: Account
    title: Line
    reply: Text
    document_number: Line | None = None
    submitted_at: AwareDatetime
    published_at: AwareDatetime
