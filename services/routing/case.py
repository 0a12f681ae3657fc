"""A case as routing keeps it: what was submitted, who is responsible, and how far it is. Pure."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel

import schemas
from schemas import FeedbackSubmitted, MatterRecorded
from schemas.states import CaseState
from schemas.values import RecordPlace, StoredFile

SOURCE = "/pakn/routing"


class EarlyMatter(BaseModel, frozen=True, extra="ignore"):
    """What the sender wrote in a feedback that has not been read yet: two topics have no common order. None once it is erased."""

    matter: MatterRecorded | None


class Forwarding(BaseModel, frozen=True, extra="ignore"):
    """What the matter was forwarded to the agency in charge for: the event behind it, by which readers know it, and when."""

    cause: str
    causation: str
    at: datetime


class FileOfAgency(BaseModel, frozen=True, extra="ignore"):
    """A file that an agency has stored for a reply of its own; no other agency's reply may name it."""

    agency: str
    file: StoredFile


class Case(BaseModel, frozen=True, extra="ignore"):
    """What routing must know of a feedback: as it was submitted, what it says, who is responsible, and how far it is.

    The matter is none until it has been read, and once it is erased. `forwarding` is there whenever the matter is.
    """

    feedback: FeedbackSubmitted
    matter: MatterRecorded | None = None
    forwarding: Forwarding | None = None
    state: CaseState
    agency: str
    unit: str | None = None
    reply: str | None = None
    reply_by: str | None = None
    document_number: str | None = None
    attachments: tuple[StoredFile, ...] = ()
    # What of the reply and the title is published though it looks like personal data.
    as_written: tuple[str, ...] = ()
    files: tuple[FileOfAgency, ...] = ()
    # The latest legal time of what has happened to it.
    happened_at: datetime | None = None
    # How often it was changed, and how much its history holds, in bytes.
    acts: int = 0
    used_bytes: int = 0
    crowded: bool = False


@dataclass(frozen=True, slots=True)
class Cause:
    """The event being decided on: its id (unique in the system) and its legal time; of an action the agency's own id and place."""

    id: str
    time: datetime
    action_id: str = ""
    place: RecordPlace | None = None

    @property
    def known_as(self) -> str:
        """By which readers know it: the id in its record, or the place of a record whose id cannot be read."""
        return schemas.shown_id(self.action_id, self.place.text) if self.place else self.id
