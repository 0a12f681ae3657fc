"""From routing, in the lifecycle topic."""

from pydantic import AwareDatetime

from schemas.values import Account, CaseEvent, Line, Slug, Text


class FeedbackReplied(CaseEvent):
    """The agency entered its reply, which now waits for a second person's check (chờ công khai).

    Law: this ends the 15 working days; publishing has its own limit (Article 46).
    """

    agency: Slug
    actor: Account
    reply: Text
    document_number: Line | None = None
    replied_at: AwareDatetime
