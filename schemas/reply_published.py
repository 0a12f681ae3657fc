"""From routing, in the lifecycle topic."""

from pydantic import AwareDatetime, Field

from schemas.values import Account, CaseEvent, Line, Slug, StoredFile, Text


class ReplyPublished(CaseEvent):
    """The reply is public (đã công khai). Notify writes to the sender.

    Law: Decision 31/2021/QĐ-TTg, Articles 38(3)(c) and 46(1).
    """

    agency: Slug
    actor: Account | None = None
    reply: Text | None = None
    document_number: Line | None = None
    attachments: tuple[StoredFile, ...] = Field(default=(), description="public from now on; names and bytes are at intake")
    submitted_at: AwareDatetime | None = None
    published_at: AwareDatetime
