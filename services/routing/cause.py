"""What a decision is about: the event, and by which id others know it. Pure."""

from dataclasses import dataclass
from datetime import datetime

import schemas
from schemas.values import RecordPlace


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
