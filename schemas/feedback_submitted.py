"""From intake, in the lifecycle topic."""

from typing import Annotated

from pydantic import AwareDatetime, Field

from schemas.values import CaseEvent, Channel, OpenSubmitterType, Slug, open_text


class FeedbackSubmitted(CaseEvent):
    """A citizen's feedback has been received by intake and has a code. Routing assigns it next. What it says is in MatterRecorded.

    Law: Decision 31/2021/QĐ-TTg, Articles 39 to 42; the fields follow the national portal's form.
    """

    channel: Annotated[str, open_text("by which way it came", Channel)]
    portal: Slug | None = None
    category: Slug
    language: str
    submitter_type: OpenSubmitterType = "person"
    province: Slug | None = None
    level: Slug | None = None
    addressed_to: Slug | None = None
    submitted_at: AwareDatetime = Field(description="when the sender sent it (ngày gửi); the first clocks count from this day")
    received_at: AwareDatetime = Field(description="when intake stored it")
