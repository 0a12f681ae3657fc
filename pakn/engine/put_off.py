"""Partitions whose next records have to wait. Each is tried again after a pause; all others go on meanwhile.

The next record needs something that is away, or what was read or decided of the batch before it was its party's share of the time.
"""

import time
from collections.abc import Callable, Iterable

from aiokafka import TopicPartition

from pakn import metrics

PUT_OFF = "put off"
"""What a commit of such a partition says of itself, so that whoever waits for its records knows that they are not handled soon."""


# A batch whose parties had their shares may take minutes: so many times as long they rest, and so long at most.
_TIMES_AS_LONG = 3.0
_LONGEST_SECONDS = 120.0


class PutOff:
    """The partitions that were put off. `now` gives seconds that only grow."""

    def __init__(self, pause_seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self._pause_seconds = pause_seconds
        self._now = now
        self._until: dict[TopicPartition, float] = {}
        self._batch_began = now()

    @property
    def pausing(self) -> frozenset[TopicPartition]:
        """Those of which nothing is to be read now."""
        now = self._now()
        return frozenset(partition for partition, until in self._until.items() if now < until)

    @property
    def partitions(self) -> frozenset[TopicPartition]:
        """Those that have not gone on yet, in a pause or tried again at this moment."""
        return frozenset(self._until)

    def batch_begins(self) -> None:
        """From now on a batch is handled, which may put off some of its partitions."""
        self._batch_began = self._now()

    def add(self, partitions: Iterable[TopicPartition]) -> float:
        """Begin a pause of these, and return its seconds: one party alone takes a quarter of the time, however slow its files."""
        now = self._now()
        seconds = max(self._pause_seconds, min((now - self._batch_began) * _TIMES_AS_LONG, _LONGEST_SECONDS))
        self._until |= dict.fromkeys(partitions, now + seconds)
        self._show()
        return seconds

    def went_on(self, partitions: Iterable[TopicPartition]) -> None:
        """Records of these were handled; those that were put off in the same batch stay so."""
        for partition in self._until.keys() & set(partitions) - self.pausing:
            del self._until[partition]
        self._show()

    def clear(self) -> None:
        """Forget all: others may own these from now on."""
        self._until.clear()
        self._show()

    def _show(self) -> None:
        metrics.waiting_partitions.clear()
        for partition in self._until:
            metrics.waiting_partitions.labels(partition.topic, partition.partition).set(1)
