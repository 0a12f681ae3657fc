"""From intake, in the lifecycle topic and to the agency."""

from pydantic import AwareDatetime, Field

from schemas.values import Attachment, CaseEvent, Slug


class ReplyFileStored(CaseEvent):
    """A file of the agency's is in order and stored. The action `reply` names it by `file.id`.

    Until that reply is published nobody sees the file.

    Law: Decision 31/2021/QĐ-TTg, Article 46.
    """

    agency: Slug
    posted_as: str = Field(description="the agency's own id of the file")
    file: Attachment
    stored_at: AwareDatetime
