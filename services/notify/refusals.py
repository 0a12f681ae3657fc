"""Decides when refusals are the mail server's fault and not the letters': then sending rests, and a few letters try it again.

A server whose directory is down or that no longer relays for PAKN refuses every letter for good. Pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from services.notify.domain import Result

FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(minutes=15)


class Answer(NamedTuple):
    """What the server said to one letter."""

    letter_id: str
    recipient: str
    result: Result


@dataclass(slots=True)
class Refusals:
    """Follows the answers of the server to one instance. `limit` recipients refused in a row are the server's fault.

    `rests_until` is set from then on, until the server takes a letter or puts one off. After each rest `trial` letters try it.
    """

    limit: int
    rests_until: datetime | None = None
    trial: int = 0
    _pause: timedelta = FIRST_PAUSE
    # The letters refused since the last other answer, by recipient: ten letters to one bad address say nothing of the server.
    _run: dict[str, list[str]] = field(default_factory=dict)

    def rest(self, now: datetime) -> bool:
        """Whether nothing is to be sent yet; `now` is the machine's time."""
        return self.rests_until is not None and now < self.rests_until

    def note(self, answers: Iterable[Answer], now: datetime) -> set[str]:
        """Take in answers in their order. Returns the refused letters, now and earlier, that the server is to blame for."""
        for answer in answers:
            if answer.result in ("sent", "retry"):
                self._run.clear()
                self.rests_until = None
            elif answer.result == "failed":
                self._run.setdefault(answer.recipient, []).append(answer.letter_id)
        # A server that is known to refuse needs no second run.
        if len(self._run) < (self.limit if self.rests_until is None else 1):
            return set()
        if self.rests_until is None:
            self._pause, self.trial = FIRST_PAUSE, self.limit
            self.rests_until = now + self._pause
        elif now >= self.rests_until:
            # The first refusal of this trial. The next one is later, and larger: whoever makes up many addresses that do not
            # exist, and so brings this about, holds up the letters behind his own no longer than a few trials.
            self._pause, self.trial = min(self._pause * 2, LONGEST_PAUSE), self.trial * 2
            self.rests_until = now + self._pause
        blameless = {letter_id for letters in self._run.values() for letter_id in letters}
        self._run.clear()
        return blameless
