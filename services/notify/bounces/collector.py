"""Goes through the mailbox of bounces and records the letters that came back for good."""

import asyncio
from dataclasses import dataclass

from pakn import metrics
from pakn.legal_time import LegalTime
from pakn.logs import logger
from services.notify.bounces.mailbox import Fate, Mailbox
from services.notify.bounces.positions import Positions
from services.notify.bounces.reader import Bounce, BounceReader
from services.notify.store import NotifyStore

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Collector:
    """Several may go through one mailbox: each bounce is recorded once."""

    mailbox: Mailbox
    reader: BounceReader
    store: NotifyStore
    positions: Positions
    time: LegalTime

    async def collect(self) -> None:
        """Look once. Only the bounce of a letter of ours leaves the mailbox, once recorded.

        Raises OSError when the mailbox cannot be reached, read or written, and PyMongoError.
        """
        name = self.mailbox.name
        position = await self.positions.position(name)
        look = await asyncio.to_thread(self.mailbox.look, position)
        if not look.messages:
            return
        bounces = await self.reader.read([message.content for message in look.messages])
        fates: list[Fate] = [await self._fate(bounce) if bounce else "left" for bounce in bounces]
        if (settled := await asyncio.to_thread(self.mailbox.settle, look, fates)) != position:
            await self.positions.save(name, settled)

    async def _fate(self, bounce: Bounce) -> Fate:
        became = await self.store.returned(*bounce, now=self.time.machine(), legal=self.time.now())
        if became == "recorded":
            metrics.letter_attempts.labels("bounced", "email").inc()
            log.warning("letter_came_back", letter=bounce.letter_id)
        if became == "sending":
            return "again"
        return "left" if became == "unknown" else "taken"
