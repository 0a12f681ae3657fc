"""Erasing what a sender gave: of which feedbacks, what goes, and the proof that it was done.

What goes from intake's database is told to notify and routing by tombstones (`erasing.py`). A proof holds no personal data: when,
of which feedback, what was erased and by what; its hash is that of the rest, for whoever keeps it elsewhere.
"""

import hashlib
import json
import re
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import phonenumbers
from phonenumbers import MatchType, NumberParseException
from pydantic import BaseModel

from pakn.engine.mongo import Database, Document
from pakn.legal_time import LegalTime
from schemas import topics
from schemas.addresses import mail_address
from schemas.states import CLOSED_STATES
from services.intake.feedback import Feedback
from services.intake.file_store import FileStore
from services.intake.looks import Looks
from services.intake.publications import Publications
from services.intake.published import Shows
from services.intake.store import IntakeStore

By = Literal["command", "retention"]
_LEAST_DIGITS: Final = 7  # A shorter text would fit the numbers of strangers.
_AT_ONCE: Final = 100


class Candidate(BaseModel, frozen=True):
    """A feedback that can be erased, and what there still is of it."""

    id: str
    code: str
    state: str
    has_details: bool
    has_matter: bool
    files: int


class Proof(BaseModel, frozen=True):
    """That something of a feedback was erased."""

    code: str
    feedback_id: str
    erased: tuple[Literal["details", "matter"], ...]
    files: int
    by: By
    at: datetime

    @property
    def hash(self) -> str:
        """The SHA-256 of the other fields, as JSON with sorted keys and without spaces."""
        said = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(said.encode()).hexdigest()


def candidate(feedback: Feedback) -> Candidate:
    """What there is of a feedback."""
    return Candidate(
        id=feedback.id,
        code=feedback.code,
        state=feedback.state,
        has_details=any(feedback.sender.model_dump().values()),
        has_matter=not feedback.is_erased,
        files=len(feedback.attachments),
    )


def query_of(contact: str) -> Document:
    """The question that finds at least the feedbacks of this address of mail or phone number. Raises ValueError for neither."""
    if "@" in contact:
        return {"sender.email": {"$regex": f"^{re.escape(mail_address(contact))}$", "$options": "i"}}
    digits = re.sub(r"[^0-9]", "", contact)
    if len(digits) < _LEAST_DIGITS:
        raise ValueError(f"neither an address of mail nor a phone number of at least {_LEAST_DIGITS} digits")
    # People write a number with its country, with a zero, with spaces and points: the last digits are in all of these.
    return {"sender.phone": {"$regex": "[^0-9]*".join(digits[-_LEAST_DIGITS:])}}


def is_of(contact: str, sender: Document, region: str | None) -> bool:
    """Whether a sender has this address or number, however it is written; `region` is where numbers without a country are."""
    if "@" in contact:
        return str(sender.get("email", "")).lower() == mail_address(contact).lower()
    mine, his = (_number(text, region) for text in (contact, str(sender.get("phone", ""))))
    if mine is None or his is None:
        return re.sub(r"[^0-9]", "", contact) == re.sub(r"[^0-9]", "", str(sender.get("phone", "")))
    return phonenumbers.is_number_match(mine, his) in (MatchType.EXACT_MATCH, MatchType.NSN_MATCH)


def _number(text: str, region: str | None) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(text, region)
    except NumberParseException:
        return None


class Erasure:
    """Erases in one database. Every method may raise PyMongoError, and may be repeated."""

    def __init__(self, database: Database, looks: Looks, time: LegalTime) -> None:
        self._feedbacks = database["feedbacks"]
        self._proofs = database["erasure_proofs"]
        self._store = IntakeStore(database)
        self._files = FileStore(database, time.machine)
        self._publications = Publications(database, self._store, Shows())
        self._looks = looks
        self._time = time

    async def prepare(self) -> None:
        """Create the index by which ended cases are found. It holds nothing of a sender's."""
        await self._feedbacks.create_index([("details_erased", 1), ("state", 1), ("updated_at", 1)])

    async def by_code(self, code: str) -> list[Candidate]:
        """The feedback with this code, or none."""
        feedback = await self._store.by_code(code)
        return [candidate(feedback)] if feedback else []

    async def by_sender(self, contact: str, region: str | None) -> list[Candidate]:
        """The feedbacks of a sender, by one of his addresses; the search is a look at each. Raises ValueError as `query_of`.

        It reads every feedback: an index of addresses would be one more place to erase them from.
        """
        rows = await self._feedbacks.find(query_of(contact), {"sender": 1}).sort("_id", 1).to_list(None)
        ids = [row["_id"] for row in rows if is_of(contact, row["sender"], region)]
        await self._looks.record(ids, "search", "operator", command="erase")
        found = await self._store.load(ids)
        return [candidate(found[id]) for id in ids if id in found]

    async def closed_before(self, instant: datetime) -> AsyncIterator[Candidate]:
        """The feedbacks that ended before this legal time and still have the sender's details, a hundred at most."""
        query = {"details_erased": {"$in": [False, None]}, "state": {"$in": sorted(CLOSED_STATES)}, "updated_at": {"$lt": instant}}
        for row in await self._feedbacks.find(query, {"_id": 1}).sort("updated_at", 1).limit(_AT_ONCE).to_list(None):
            for feedback in (await self._store.load([row["_id"]])).values():
                yield candidate(feedback)

    async def erase(self, row: Candidate, by: By, *, matter: bool) -> Proof:
        """Erase the sender's details, and with `matter` what he wrote and its files. After a failure it must be repeated.

        A running intake then writes the tombstones, by which notify and routing erase what they keep.
        """
        more: dict[str, str | None] = {"command": "erase"} if by == "command" else {}
        await self._looks.record([row.id], "erasure", "operator" if by == "command" else "system", **more)
        if matter and (feedback := (await self._store.load([row.id])).get(row.id)):
            # Before their ids are gone. What is taken in at this moment is swept, since no feedback has it.
            await self._files.discard(file.id for file in feedback.attachments)
        wanted = (topics.CONTACTS, topics.MATTERS) if matter else (topics.CONTACTS,)
        await self._store.erase(row.id, wanted, self._time.machine())
        # The published reply is found by its own words again.
        await self._publications.refresh([row.id] if matter else [])
        proof = Proof(
            code=row.code,
            feedback_id=row.id,
            erased=("details", "matter") if matter else ("details",),
            files=row.files if matter else 0,
            by=by,
            at=self._time.now(),
        )
        await self._proofs.update_one({"_id": proof.hash}, {"$setOnInsert": proof.model_dump()}, upsert=True)
        return proof

    async def proofs(self, feedback_id: str) -> Sequence[dict[str, Any]]:
        """The proofs of a feedback in their order, each with its hash as `_id`."""
        rows: list[dict[str, Any]] = await self._proofs.find({"feedback_id": feedback_id}).sort("at", 1).to_list(None)
        return rows


class Retention:
    """Erases the details of senders whose cases ended some days ago. `days`: 0 for never."""

    def __init__(self, erasure: Erasure, time: LegalTime, days: int) -> None:
        self._erasure = erasure
        self._time = time
        self._days = days

    async def prepare(self) -> None:
        """Create the index that is missing, where anything is to be erased. Raises PyMongoError."""
        if self._days:
            await self._erasure.prepare()

    async def tick(self) -> None:
        """Erase what is due now, a hundred at most; the next tick goes on. Raises PyMongoError."""
        if not self._days:
            return
        async for row in self._erasure.closed_before(self._time.now() - timedelta(days=self._days)):
            await self._erasure.erase(row, "retention", matter=False)
