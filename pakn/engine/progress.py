"""How far a process has come with the records that it reads: what waits, since when nothing was finished, and when it hangs.

A record that was read counts as waiting until its batch is committed, and a turn that fails is no progress: otherwise a process
that fails again and again would look like one that has nothing to do.
"""

import time
from collections.abc import Callable, Sequence, Set
from typing import Any

from aiokafka import TopicPartition
from faststream.kafka import KafkaMessage

from pakn import metrics
from pakn.engine.kafka import OnBatch, Record, partition_of


class Progress:
    """Progress of one subscriber. `waiting` returns the partitions that wait for an operator or for a server that is away;
    they count for no lag.

    A consumer of the client library can hang after a broker restart without a sign. When records wait and none is handled for
    `stall_seconds`, a fresh process is the cure.
    """

    def __init__(self, waiting: Callable[[], Set[TopicPartition]], stall_seconds: float) -> None:
        self.lag = 0
        self.stall_seconds = stall_seconds
        self._waiting = waiting
        self._in_hand: dict[TopicPartition, int] = {}
        self._idle_or_done_at = self._excused_at = time.monotonic()

    def tracking(self, on_batch: OnBatch) -> OnBatch:
        """`on_batch`, which returns when its batch is committed; until then its records count as waiting."""

        async def tracked(message: KafkaMessage) -> None:
            in_hand: dict[TopicPartition, int] = {}
            for record in message.raw_message:
                in_hand.setdefault(partition_of(record), record.offset)
            self._in_hand = in_hand
            await on_batch(message)
            self._in_hand = {}

        return tracked

    def note(self, _records: Sequence[Record] = ()) -> None:
        """Record that a batch was committed, or that no record waits."""
        self._idle_or_done_at = self._excused_at = time.monotonic()
        metrics.last_progress.set_to_current_time()

    def excuse(self) -> None:
        """Record that nothing can be handled now and the consumer is not at fault, or that a long batch goes on. This is no
        progress."""
        self._excused_at = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the last progress."""
        return time.monotonic() - self._idle_or_done_at

    @property
    def is_stalled(self) -> bool:
        """Whether the consumer hangs, for all that can be seen from outside."""
        return time.monotonic() - self._excused_at > self.stall_seconds

    async def measure(self, consumer: Any) -> None:
        """Count what waits. Raises KafkaError."""
        assigned = list(consumer.assignment()) if consumer is not None else []
        metrics.partitions_assigned.set(len(assigned))
        ends = await consumer.end_offsets(assigned) if assigned else {}
        lags: dict[TopicPartition, int] = {}
        for partition, end in ends.items():
            # The position is behind what is in hand. It is asked for first: a batch may be handed over meanwhile.
            position = await consumer.position(partition)
            lags[partition] = max(end - min(self._in_hand.get(partition, position), position), 0)
        metrics.consumer_lag.clear()
        for partition, lag in lags.items():
            metrics.consumer_lag.labels(partition.topic, partition.partition).set(lag)
        waiting = self._waiting()
        self.lag = sum(lag for partition, lag in lags.items() if partition not in waiting)
        if self.lag == 0:
            self.note()
