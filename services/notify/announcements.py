"""Announces what became of letters as facts, and counts those that wait."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from pakn import metrics
from pakn.legal_time import LegalTime
from schemas import Fact, NotificationFailed, NotificationSent, fact
from schemas.notification_failed import Undelivered
from services.notify.domain import Letter
from services.notify.store import ANY_INSTANCE, NotifyStore

SOURCE = "/pakn/notify"
# What becomes of a letter and is published as a fact.
Announced = Literal["sent", Undelivered]
# An instance announces the letters that it settled within a second or two. After so long it has stopped.
_ANNOUNCED_BY_OTHERS_AFTER = timedelta(seconds=30)
_ANNOUNCE_LIMIT = 500


def announcement(letter: Letter, state: Announced, reason: str, at: datetime) -> Fact:
    """The fact of what became of a letter; the same letter and outcome give the same fact. `at` is legal time."""
    common: dict[str, Any] = {"feedback_id": letter.feedback_id, "code": letter.code, "notification_id": letter.id}
    common |= {"moment": letter.moment, "channel": letter.channel}
    event: NotificationSent | NotificationFailed
    if state == "sent":
        event = NotificationSent(**common, template_version=letter.template_version, sent_at=at, parts=letter.parts)
        discriminator = letter.id
    else:
        event = NotificationFailed(**common, outcome=state, reason=reason, failed_at=at)
        # A letter that an operator sends again can fail again, which is another fact.
        discriminator = f"{letter.id}/{state}/{letter.attempts}"
    return fact(event, cause=letter.cause, subject=letter.feedback_id, time=at, source=SOURCE, discriminator=discriminator)


@dataclass(frozen=True)
class Announcer:
    """Announces what the mailers of the same `instance` settled, and what others left."""

    store: NotifyStore
    time: LegalTime
    instance: str

    async def announce(self, publish: Callable[[Sequence[Fact]], Awaitable[None]]) -> None:
        """Publish what became of letters, then mark them; after a crash in between the same facts are published again."""
        rows = await self.store.to_announce(_ANNOUNCE_LIMIT)
        stale = self.time.machine() - _ANNOUNCED_BY_OTHERS_AFTER
        mine = [row for row in rows if row["announce"] in (self.instance, ANY_INSTANCE) or row["settled_at"] < stale]
        if mine:
            await publish([announcement(row["letter"], row["state"], row["reason"], row["settled_legal"]) for row in mine])
            await self.store.announced(mine)

    async def count(self) -> None:
        """Refresh the gauge of letters by state and channel."""
        for labels, number in (await self.store.counts()).items():
            metrics.letters.labels(*labels).set(number)
