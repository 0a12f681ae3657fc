"""From routing, in the lifecycle topic and to the agency."""

from pydantic import AwareDatetime, Field

from schemas.values import CaseEvent, Line, Slug, Text


class FeedbackAssigned(CaseEvent):
    """An agency is now responsible. What the sender wrote goes to its own topic, in MatterForwarded.

    Law: Decision 31/2021/QĐ-TTg, Article 43. `previous_agency` tells a first assignment from a transfer, which restarts the limit.
    """

    agency: Slug
    unit: Line | None = None
    previous_agency: Slug | None = Field(default=None, description="none at the first assignment")
    rule: Slug = Field(description="id of the routing rule, or transfer, return")
    table_version: str
    reason: Text
    category: Slug
    province: Slug | None = None
    level: Slug | None = None
    submitted_at: AwareDatetime
    assigned_at: AwareDatetime
