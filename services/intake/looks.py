"""Looks at what senders gave of themselves: each is recorded before the data goes out, and shown to the sender on request.

A look is never changed and never taken back; the database forgets it when its time is over. It says who looked, at what and when,
and holds nothing of the sender's. What the sender looks at himself is no look: he knows it, each page of his would be one, and
where it came from would be one more piece of personal data.

Law 91/2025/QH15 on the protection of personal data: a person may know how his data is processed. Uses only what PyMongo's async
driver and Motor share.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

from pydantic import BaseModel, Field

from pakn.engine.mongo import Database, Document
from pakn.legal_time import LegalTime
from schemas.values import FeedbackCode, open_text

# The sender's name and addresses; one of his files; his cases found by an address of his; his details or more erased.
What = Literal["details", "file", "search", "erasure"]
By = Literal["agency", "operator", "system"]
MOST_SHOWN: Final = 200


class Look(BaseModel, frozen=True, extra="ignore"):
    """One look. `officer` is an account, where the agency's token names one; `file` is the id of the file that was opened.

    `command` is what an operator ran. A look without `what` was recorded by a release that knew one kind.
    """

    at: datetime
    what: What = "details"
    by: By = "agency"
    agency: str | None = None
    officer: str | None = None
    token_id: str | None = None
    file: str | None = None
    command: str | None = None


class ShownLook(BaseModel):
    """A look, as the sender is told of it."""

    at: datetime
    what: Annotated[str, open_text("what was looked at", What)]
    by: Annotated[str, open_text("who looked", By)]
    agency: str | None = Field(default=None, description="where an agency looked")
    officer: str | None = Field(default=None, description="the officer's account, where the pack says that senders are told")


class ShownLooks(BaseModel):
    """Who has looked at the sender's data, the latest first."""

    code: FeedbackCode
    total: int = Field(description=f"all that are kept; {MOST_SHOWN} at most are listed")
    looks: list[ShownLook]


class Looks:
    """The looks in one database. Every method may raise PyMongoError."""

    def __init__(self, database: Database, time: LegalTime, days: int) -> None:
        """A look is kept for `days` of the machine's time; 0: for good."""
        self._looks = database["looks"]
        self._time = time
        self._kept = timedelta(days=days) if days else None

    async def prepare(self) -> None:
        """Create the indexes that are missing: that of a case, and that by which the database forgets what is over."""
        await self._looks.create_index([("feedback_id", 1), ("at", -1)])
        await self._looks.create_index("expires_at", expireAfterSeconds=0)

    async def record(self, feedback_ids: Sequence[str], what: What, by: By, **more: str | None) -> None:
        """Record a look at each of these feedbacks; `more` are other fields of `Look`. Nothing may go out before it returns."""
        look = Look(at=self._time.now(), what=what, by=by, **more)
        fields: Document = look.model_dump(exclude_none=True)
        if self._kept:
            fields["expires_at"] = self._time.machine() + self._kept
        if feedback_ids:
            await self._looks.insert_many([{"feedback_id": id, **fields} for id in feedback_ids])

    async def of(self, feedback_id: str, most: int = MOST_SHOWN) -> tuple[list[Look], int]:
        """The latest looks at a feedback, and how many there are."""
        query = {"feedback_id": feedback_id}
        rows = await self._looks.find(query).sort([("at", -1), ("_id", -1)]).limit(most).to_list(None)
        return [Look.model_validate(row) for row in rows], await self._looks.count_documents(query)


def shown(code: str, looks: Sequence[Look], total: int, *, officers: bool) -> ShownLooks:
    """What the sender is told of looks; `officers`: whether he is told which officer it was."""
    return ShownLooks(
        code=code,
        total=total,
        looks=[
            ShownLook(at=row.at, what=row.what, by=row.by, agency=row.agency, officer=row.officer if officers else None)
            for row in looks
        ],
    )
