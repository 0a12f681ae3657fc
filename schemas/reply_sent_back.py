"""From routing, in the lifecycle topic and to the agency."""

from pydantic import AwareDatetime

from schemas.values import Account, CaseEvent, Slug, Text


class ReplySentBack(CaseEvent):
    """The checker sent the reply back because it does not fit the feedback; the agency redoes it.

    Law: Decision 31/2021/QĐ-TTg, Article 46(2).
    """

    agency: Slug
    actor: Account | None = None
    reason: Text | None = None
    sent_back_at: AwareDatetime
