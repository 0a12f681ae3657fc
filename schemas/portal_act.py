"""What the acts of a sender that a portal hands on have in common: which of the portal's own cases is meant."""

from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from schemas.envelope import Event, Writer
from schemas.values import FeedbackCode, Line

# As long as a header of a record may be.
OwnId = Annotated[str, StringConstraints(min_length=1, max_length=1000)]


class PortalAct(Event, frozen=True, extra="forbid"):
    """An act of the sender's, posted by the portal that sent the case. PAKN recognises a repeated act by its `ce_id`.

    One of `code`, `submission_id` and `reference` is needed; where several are there, each must be the case's.
    """

    written_by: ClassVar[Writer] = "others"
    code: FeedbackCode | None = Field(default=None, description="of one of the portal's own cases")
    submission_id: OwnId | None = Field(default=None, description="the portal's own id (`ce_id`) of the submission")
    reference: Line | None = Field(default=None, description="the portal's own file number, if only one of its cases has it")
