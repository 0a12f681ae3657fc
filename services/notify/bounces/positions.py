"""How far each mailbox has been read, kept in the database: a process that starts reads nothing again."""

import hashlib

from pakn.engine.mongo import Database
from services.notify.bounces.mailbox import Position


class Positions:
    """One database."""

    def __init__(self, database: Database) -> None:
        self._mailboxes = database["mailboxes"]

    async def position(self, mailbox: str) -> Position:
        """Up to where the mailbox of this name has been read."""
        row = await self._mailboxes.find_one({"_id": _id(mailbox)})
        return Position(row["number"], row["mark"]) if row else Position()

    async def save(self, mailbox: str, position: Position) -> None:
        """Keep how far the mailbox of this name has been read."""
        await self._mailboxes.update_one({"_id": _id(mailbox)}, {"$set": position._asdict()}, upsert=True)


def _id(mailbox: str) -> str:
    # The name of an account may be a person's address.
    return hashlib.sha256(mailbox.encode()).hexdigest()
