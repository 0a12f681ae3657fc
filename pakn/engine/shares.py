"""The share of a batch's time that one party may take; then its other records wait, so that other parties have their turn."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager


class Shares:
    """What each party has taken of one batch. `seconds` are the share of each, and `now` gives seconds that only grow."""

    def __init__(self, seconds: float, now: Callable[[], float]) -> None:
        self._seconds = seconds
        self._of: dict[Hashable, float] = {}
        self._now = now
        self._taken: defaultdict[Hashable, float] = defaultdict(float)
        # When the block began that counts for a party now.
        self._began: dict[Hashable, float] = {}

    @contextmanager
    def taking(self, party: Hashable) -> Iterator[None]:
        """Count what the block takes, also where it raises."""
        self._began[party] = self._now()
        try:
            yield
        finally:
            self._taken[party] += self._now() - self._began.pop(party)

    def is_used_up(self, party: Hashable) -> bool:
        """Whether the rest of this party's records is to wait; the first one of a batch never is."""
        return self.left(party) < 0

    def left(self, party: Hashable) -> float:
        """The seconds that are left of this party's share, also in the midst of what counts for it; below 0 it has had more."""
        running = self._now() - self._began[party] if party in self._began else 0.0
        return self._of.get(party, self._seconds) - self._taken[party] - running

    def rest(self) -> "Shares":
        """The shares as they are left, for work of another kind. Its first piece does not wait either, so that it goes on."""
        rest = Shares(self._seconds, self._now)
        rest._of = {party: max(self.left(party), 0.0) for party in self._taken}
        return rest
