"""A trial of a partition that may hold what ends the process."""

import time
from dataclasses import dataclass, field

from aiokafka import TopicPartition


@dataclass(eq=False)
class Trial:
    """The records of `partition` up to `end`, or `left` of them, are handed over one at a time."""

    partition: TopicPartition
    end: int
    left: int
    since: float = field(default_factory=time.monotonic)
    # How many were left when the client library had already given out all up to `end`.
    drained: int | None = None
