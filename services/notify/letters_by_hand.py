"""What a person decides about letters: list the uncertain ones, and settle one after a look into the mailbox.

A letter is uncertain if the process or the connection was lost while it was handed over. Look for its Message-ID in the
mailbox to see whether it arrived.
"""

from datetime import datetime
from typing import Literal, NamedTuple

from pakn.engine import mongo
from pakn.legal_time import LegalTime, make_legal_time
from pakn.settings import Settings
from services.notify.domain import Settlement
from services.notify.letters.compose import message_id
from services.notify.store import NotifyStore

Verdict = Literal["sent", "resend"]


class Listed(NamedTuple):
    """A letter that needs a decision, without personal data. `since` is the machine's time."""

    id: str
    code: str
    moment: str
    since: datetime
    message_id: str
    reason: str


async def list_letters(settings: Settings, state: Literal["uncertain", "failed"] = "uncertain", limit: int = 1000) -> list[Listed]:
    """At most `limit` letters in `state`, the longest in it first. Raises PyMongoError."""
    async with mongo.opened(settings, "notify") as database:
        rows = await NotifyStore(database).in_state(state, limit)
    sender = settings.smtp.sender
    return [
        Listed(row["_id"], row["code"], row["moment"], row["settled_at"], message_id(row["_id"], sender), row["reason"])
        for row in rows
    ]


async def settle_letter(settings: Settings, letter_id: str, verdict: Verdict, time: LegalTime | None = None) -> bool:
    """Settle an uncertain or failed letter: it counts as sent, or it is sent again with the same Message-ID.

    A running notify announces or sends it at its next tick. False if no uncertain or failed letter has this id.
    """
    time = time or make_legal_time(settings.legal_time.file)
    now, legal = time.machine(), time.now()
    if verdict == "sent":
        settlement = Settlement("sent", "found in the mailbox by an operator", announced=True)
    else:
        settlement = Settlement("queued", "to be sent again, by an operator's decision", next_try_at=now)
    async with mongo.opened(settings, "notify") as database:
        return await NotifyStore(database).overrule(letter_id, settlement, now=now, legal=legal)
