"""From routing to the agency in charge, in `assignments.<agency>`."""

from typing import ClassVar

from pydantic import AwareDatetime, Field

from schemas.matter import MatterEvent
from schemas.personal_data import FoundPersonalData
from schemas.values import Slug


class MatterForwarded(MatterEvent):
    """What the sender wrote, to the agency that is responsible now: after each assignment to it, and after each supplement.

    It comes after the FeedbackAssigned or FeedbackSupplemented that it belongs to, or before it.
    Law: Decision 31/2021/QĐ-TTg, Article 43.
    """

    version: ClassVar[str] = "1.1"

    agency: Slug
    personal_data: tuple[FoundPersonalData, ...] = Field(
        default=(),
        description="what in the title looks like personal data. It is hidden in public, unless a reply or its publishing says "
        "that the title is published as it is written",
    )
    forwarded_at: AwareDatetime
