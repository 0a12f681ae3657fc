"""The fuse: tells a bad record from a bad release, which would empty every topic into the dead letters."""

import time
from collections import deque
from collections.abc import Callable, Iterable

from pakn.errors import CannotRun
from pakn.settings import FuseSettings

_WINDOW_SECONDS = 60.0


class Blown(CannotRun):
    """Decisions fail as they do in a bad release: the process must end without a commit, and be exchanged."""


class Fuse:
    """Counts the cases whose decisions failed unexpectedly, beside those that went well, in this process."""

    def __init__(self, settings: FuseSettings, now: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._now = now
        self._went_well = False
        # The cases that have failed since a decision last went well.
        self._run: set[str] = set()
        # Of each batch of the last minute: when, how many went well, how many failed.
        self._window: deque[tuple[float, int, int]] = deque()

    def check(self, went_well: int, failed: Iterable[str]) -> None:
        """Note one batch: how many decisions went well, and the cases of those that failed unexpectedly.

        Raises Blown when more cases than `run` have failed with none between them, when more than `run` and more than `share`
        of a minute's decisions have, and on any failure before a first decision has gone well: one record may be bad, but
        where nothing else is known it may as well be the release.
        """
        cases, now = set(failed), self._now()
        self._window.append((now, went_well, len(cases)))
        while self._window[0][0] < now - _WINDOW_SECONDS:
            self._window.popleft()
        self._run = cases if went_well else self._run | cases
        self._went_well = self._went_well or went_well > 0
        if not cases:
            return
        well, bad = (sum(row[column] for row in self._window) for column in (1, 2))
        if not self._went_well:
            raise Blown(f"no decision of this process has gone well, and {bad} failed")
        if len(self._run) > self._settings.run:
            raise Blown(f"the decisions on {len(self._run)} cases failed one after the other (PAKN_FUSE__RUN)")
        if bad > self._settings.run and bad > self._settings.share * (bad + well):
            raise Blown(f"{bad} of the {bad + well} decisions of the last minute failed (PAKN_FUSE__SHARE)")
