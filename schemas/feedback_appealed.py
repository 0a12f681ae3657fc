"""From intake, in the lifecycle topic."""

from typing import Annotated

from pydantic import AwareDatetime, Field

from schemas.values import AppealGround, CaseEvent, Slug, open_text


class FeedbackAppealed(CaseEvent):
    """The sender objects, where the pack allows it: to the published reply, or to a reply that did not come in time.

    The case then goes to the agency that the pack names, by a FeedbackAssigned with the routing rule `appeal`. What the sender
    says is in the matter.
    """

    number: int = Field(ge=1, description="the first, second, ... of this feedback")
    ground: Annotated[str, open_text("what the sender objects to", AppealGround)]
    against: Slug = Field(description="the agency that was in charge")
    appealed_at: AwareDatetime
