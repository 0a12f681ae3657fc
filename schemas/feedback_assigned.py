"""From routing, in the lifecycle topic and to the agency."""

from pydantic import AwareDatetime, Field

from schemas.values import CaseEvent, Line, Slug, Text


class FeedbackAssigned(CaseEvent):
    """An agency is now responsible. What the sender wrote goes to its own topic, in MatterForwarded.

    Law: Decision 31/2021/QĐ-TTg, Article 43. `previous_agency` tells a first assignment from a transfer, which restarts the limit.
    """

    agency: Slug
    unit: Line | None = Field(default=None, description="inside the agency: an id of the pack's, or a name")
    previous_agency: Slug | None = Field(default=None, description="none at the first assignment")
    routing_rule: Slug | None = Field(default=None, description="which rule of the routing table; or transfer, return")
    table_version: str | None = Field(default=None, description="of the routing table")
    reason: Text | None = Field(default=None, description="in words, for the agency")
    category: Slug
    province: Slug | None = None
    level: Slug | None = None
    submitted_at: AwareDatetime
    assigned_at: AwareDatetime
