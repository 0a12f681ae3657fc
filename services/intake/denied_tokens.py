"""The tokens that were called back before their time."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, NamedTuple

from pakn.engine.mongo import Database
from services.intake.doors.tokens import Bearer, Kind

_COLLECTION = "denied_tokens"


class Denied(NamedTuple):
    """One row: the id of a token, or a party of which all tokens are denied that were made up to `until`."""

    id: str
    until: datetime
    why: str


class DeniedTokens:
    """A row for each token, or for each party whose tokens were all called back. Every method raises PyMongoError."""

    def __init__(self, database: Database) -> None:
        self._rows = database[_COLLECTION]

    async def deny(self, token_id: str, now: datetime, why: str) -> None:
        """Call back one token."""
        await self._put(token_id, now, why)

    async def deny_all(self, kind: Kind, party: str, now: datetime, why: str) -> None:
        """Call back all tokens of an agency or a portal that were made until now; those made later hold."""
        await self._put(_all_of(kind, party), now, why)

    async def is_denied(self, bearer: Bearer) -> bool:
        """Whether this token was called back."""
        found = [row async for row in self._rows.find({"_id": {"$in": [bearer.token_id, _all_of(bearer.kind, bearer.party)]}})]
        return any(row["_id"] == bearer.token_id or bearer.issued_at <= row["until"] for row in found)

    async def listed(self) -> AsyncIterator[Denied]:
        """All rows, sorted by id."""
        async for row in self._rows.find({}).sort("_id", 1):
            yield Denied(row["_id"], row["until"], row["why"])

    async def _put(self, id: str, now: datetime, why: str) -> None:
        row: dict[str, Any] = {"until": now, "why": why}
        await self._rows.update_one({"_id": id}, {"$set": row}, upsert=True)


def _all_of(kind: Kind, party: str) -> str:
    # No id of a token holds a slash.
    return f"{kind}/{party}"
