"""Erasing in the compacted topics: tombstones for what was erased from the database.

Kafka compacts a partition up to its newest segment, and begins a new segment only when a record comes. The first tombstone
stands in the newest one, where it erases nothing. The second one, later than a segment's span, begins the next segment. It also
erases what was under way to the topic when the first one came.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from services.intake.store import IntakeStore

TOMBSTONES = 2
# A record that comes at the very end of a segment's span still stands in it.
_MARGIN = timedelta(seconds=2)
# Writes a record without a value for a key into a topic, and waits until Kafka has it.
Bury = Callable[[str, str], Awaitable[None]]


class Erasing:
    """Publishes the tombstones that are due."""

    def __init__(self, store: IntakeStore, bury: Bury, now: Callable[[], datetime], segment: timedelta) -> None:
        """`now` gives the machine's time; `segment` is the span of a segment of the compacted topics."""
        self._store, self._bury, self._now = store, bury, now
        self._pause = segment + _MARGIN

    async def tick(self) -> None:
        """Publish what is due now. Raises PyMongoError, KafkaError; the next tick is another try."""
        for erasure in await self._store.erasures(self._now()):
            for topic in erasure.topics:
                await self._bury(topic, erasure.feedback_id)
            await self._store.buried(erasure, self._now() + self._pause if erasure.sent + 1 < TOMBSTONES else None)
