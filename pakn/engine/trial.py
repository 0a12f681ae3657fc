"""A trial of a partition that may hold what ends the process."""

import time
from dataclasses import dataclass, field

from aiokafka import TopicPartition

# A partition that gives no record for so long is not tried further: its leader may be away, and the others wait.
SILENT_SECONDS = 30.0
# Nor one whose records take long, and end nothing.
WHOLE_SECONDS = 60.0


@dataclass(eq=False)
class Trial:
    """The records of `partition` up to `end`, or `left` of them, are handed over one at a time."""

    partition: TopicPartition
    end: int
    left: int
    since: float = field(default_factory=time.monotonic)
    began: float = field(default_factory=time.monotonic)
    # How many were left when the client library had already given out all up to `end`.
    drained: int | None = None

    def is_too_long(self, now: float) -> bool:
        """Whether the others have waited long enough; `now` is of the same clock as `since`, when it last handed a record over."""
        return now - self.since > SILENT_SECONDS or now - self.began > WHOLE_SECONDS
