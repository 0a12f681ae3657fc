"""From routing, in the lifecycle topic."""

from pydantic import AwareDatetime

from schemas.values import Account, CaseEvent, Slug


class FeedbackReplied(CaseEvent):
    """The agency entered its reply, which now waits for a second person's check (chờ công khai).

    What it says is told when it is published.
    Law: this ends the 15 working days; publishing has its own limit (Article 46).
    """

    agency: Slug
    actor: Account
    replied_at: AwareDatetime
