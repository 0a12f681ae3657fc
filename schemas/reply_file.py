"""From an agency, in `files.<agency>`; intake stores it and answers in `assignments.<agency>`."""

from typing import ClassVar

from pydantic import Field

from schemas.envelope import Event, Writer
from schemas.portal_submission import InlineFile
from schemas.values import Account, FeedbackId


class ReplyFile(InlineFile, Event, frozen=True, extra="forbid"):
    """A file for the reply in a case that the agency has. It is public from when a reply that names it is published.

    PAKN recognises a repeated file by its `ce_id`.
    """

    written_by: ClassVar[Writer] = "others"
    feedback_id: FeedbackId
    actor: Account = Field(description="the officer's account, not a name")
