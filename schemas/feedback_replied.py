"""From routing, in the lifecycle topic."""

from pydantic import AwareDatetime

from schemas.values import Account, CaseEvent, Slug


class FeedbackReplied(CaseEvent):
    """The agency entered its reply, which now waits for a second person's check (chờ công khai).

    The text of the reply comes with ReplyPublished.
    Law: this ends the 15 working days; publishing has its own limit (Article 46).
    """

    agency: Slug
    actor: Account | None = None
    replied_at: AwareDatetime
