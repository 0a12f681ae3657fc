"""From routing to the agency in charge, in `assignments.<agency>`."""

from pydantic import AwareDatetime

from schemas.matter import MatterEvent
from schemas.values import Slug


class MatterForwarded(MatterEvent):
    """What the sender wrote, to the agency that is responsible now: after each assignment to it, and after each supplement.

    It comes after the FeedbackAssigned or FeedbackSupplemented that it belongs to, or before it.
    Law: Decision 31/2021/QĐ-TTg, Article 43.
    """

    agency: Slug
    forwarded_at: AwareDatetime
