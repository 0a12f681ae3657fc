"""From routing, in the lifecycle topic."""

from pydantic import AwareDatetime

from schemas.values import Account, CaseEvent, Slug, Text


class MoreRequested(CaseEvent):
    """The agency asked the sender for more (yêu cầu bổ sung); its clock closes until the answer comes.

    Law: Decision 31/2021/QĐ-TTg, Article 38(3)(b): the sender must be told.
    """

    agency: Slug
    actor: Account | None = None
    question: Text | None = None
    requested_at: AwareDatetime
