"""From routing, in the lifecycle topic."""

from typing import ClassVar

from pydantic import AwareDatetime, Field

from schemas.values import Account, CaseEvent, Line, Slug, StoredFile, Text


class ReplyPublished(CaseEvent):
    """The reply is public (đã công khai). Notify writes to the sender.

    Law: Decision 31/2021/QĐ-TTg, Articles 38(3)(c) and 46(1).
    """

    version: ClassVar[str] = "1.1"

    agency: Slug
    actor: Account | None = None
    reply: Text | None = None
    document_number: Line | None = None
    attachments: tuple[StoredFile, ...] = Field(default=(), description="public from now on; names and bytes are at intake")
    title_as_written: bool = Field(
        default=False,
        description="an officer decided that the title is published with the phone numbers, addresses or numbers of papers in it",
    )
    submitted_at: AwareDatetime | None = None
    published_at: AwareDatetime
