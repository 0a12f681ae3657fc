"""What the doors by HTTP share of a submission: by which id it is known again, and what becomes of its files."""

from collections.abc import Callable
from typing import NamedTuple, Self

import schemas
from pakn.engine.problems import Problem
from services.intake.domain import Arrival
from services.intake.doors import openapi
from services.intake.doors.uploads import Upload
from services.intake.reception import Failed, Reception, Refused, Waits
from services.intake.registration import Registration


class SentId(NamedTuple):
    """The sender's own id, or a fresh one where nobody can send it again; `portal` is the one whose token came with it."""

    own: str
    is_key: bool
    portal: str | None = None

    @classmethod
    def of(cls, key: str | None, new_id: Callable[[], str], portal: str | None = None) -> Self:
        """By the `Idempotency-Key` of a request, if it has one. Raises Problem as `checked_key`."""
        return cls(new_id(), False, portal) if key is None else cls(checked_key(key), True, portal)

    @property
    def cause(self) -> str:
        """The same for the same submission again. A portal's is the same by HTTP and by Kafka."""
        return schemas.derived_id(self.portal or "idempotency-key", self.own) if self.portal or self.is_key else self.own

    @property
    def submission(self) -> str:
        """By which a portal can name it afterwards, whichever way it was sent; nobody else knows it."""
        return self.own if self.portal else self.cause


def checked_key(key: str) -> str:
    """The value of an `Idempotency-Key`. Raises Problem for one that others may think of too, or that is too long."""
    least, most = openapi.MIN_KEY, openapi.MAX_KEY
    if not least <= len(key) <= most:
        detail = f"The header {openapi.KEY_HEADER} must be {least} to {most} characters that nobody can guess; send a UUID."
        raise Problem(400, "invalid-idempotency-key", detail)
    return key


async def register(reception: Reception, upload: Upload, arrival: Arrival) -> Registration | Refused | Failed:
    """Register what came with an upload, whose files stay where a feedback has them.

    Raises what is away where it cannot be taken now. What failed is returned, since its files are to be removed first.
    """
    (answer,) = await reception.receive([arrival], upload.left)
    match answer:
        case Waits(away):
            raise away
        case Registration():
            upload.claim(answer.feedback.attachments)
    return answer
