"""From intake, in the lifecycle topic; routing forwards it to the agency."""

from pydantic import AwareDatetime, Field

from schemas.values import Account, CaseEvent, Slug, StoredFile


class ReplyFileStored(CaseEvent):
    """A file of the agency's is in order and stored. The action `reply` names it by `file.id`.

    Until that reply is published nobody sees the file, and its name stands in no topic that is kept.

    Law: Decision 31/2021/QĐ-TTg, Article 46.
    """

    agency: Slug
    actor: Account
    action_id: str = Field(description="the agency's own id of the file")
    file: StoredFile
    stored_at: AwareDatetime
