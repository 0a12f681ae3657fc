"""From routing, in the lifecycle topic."""

from pydantic import AwareDatetime, Field

from schemas.values import Account, Attachment, CaseEvent, Line, Slug, Text


class FeedbackReplied(CaseEvent):
    """The agency entered its reply, which now waits for a second person's check (chờ công khai).

    Law: this ends the 15 working days; publishing has its own limit (Article 46).
    """

    agency: Slug
    actor: Account
    reply: Text
    document_number: Line | None = None
    attachments: tuple[Attachment, ...] = Field(default=(), description="files that were stored for it")
    replied_at: AwareDatetime
