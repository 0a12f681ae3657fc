"""From routing, in the lifecycle topic."""

from pydantic import AwareDatetime

from schemas.envelope import Event
from schemas.values import Account, FeedbackCode, FeedbackId, Line, Slug, Text


class FeedbackReplied(Event):
    """The agency entered its reply, which now waits for a second person's check (chờ công khai).

    Law: this ends the 15 working days; publishing has its own limit (Article 46).
    """

    feedback_id: FeedbackId
    code: FeedbackCode
    agency: Slug
    actor: Account
    reply: Text
    document_number: Line | None = None
    replied_at: AwareDatetime
