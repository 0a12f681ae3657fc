"""From routing, in the lifecycle topic and to the agency that had it."""

from pydantic import AwareDatetime

from schemas.values import Account, CaseEvent, Line, Slug, Text


class FeedbackTransferred(CaseEvent):
    """The agency passed the feedback on, to another agency or to a unit inside it.

    Law: Decree 20/2008/NĐ-CP, Article 9(1)(d): within 5 working days of receipt. A transfer inside one agency restarts no clock.
    """

    agency: Slug
    to_agency: Slug
    to_unit: Line | None = None
    actor: Account | None = None
    reason: Text | None = None
    transferred_at: AwareDatetime
