"""Turns a batch of facts into letters and what they need to know: two bulk writes, whatever the size of the batch.

`services/turn.py` calls `LetterHandler.handle`; `mailer.py` takes it from there. A letter's id is derived from its fact,
so a batch that comes again inserts nothing twice.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from services.errors import GiveUp
from services.logs import logger
from services.notify import domain
from services.notify.store import CaseNews, NotifyStore
from services.packs import Letters
from services.turn import Outcome, Received, Tombstone

log = logger(__name__)


class LetterHandler:
    """Decide, then save. Letters publish no facts here: what becomes of them is known only after they were sent."""

    def __init__(self, store: NotifyStore, letters: Letters, version: str, now: Callable[[], datetime]) -> None:
        """`version` is that of the pack's templates; `now` gives the machine's time."""
        self._store = store
        self._letters = letters
        self._version = version
        self._now = now

    async def handle(self, batch: Sequence[Received]) -> Outcome:
        """Safe to call again with the same batch. Raises PyMongoError when the database cannot be written."""
        outcome = Outcome()
        now = self._now()
        cases: dict[str, CaseNews] = {}
        letters: list[domain.Letter] = []
        released: dict[str, None] = {}
        for received in batch:
            try:
                news = self._follow(received, now)
            except Exception as error:  # A pure decision fails the same way each time: no repetition mends it.
                log.exception("decision_failed", event_id=received.envelope.id, type=received.envelope.name)
                outcome.given_up.append((received, GiveUp("unexpected", type(error).__name__)))
                continue
            letters += news.letters
            feedback_id = getattr(received.event, "feedback_id", received.envelope.subject)
            if news.case or news.latest:
                fields, latest = cases.setdefault(feedback_id, ({}, {}))
                fields.update(news.case)
                latest.update({name: domain.later(latest.get(name), value) for name, value in news.latest.items()})
            if news.releases:
                released[feedback_id] = None
        # The cases come first: a letter that is let go finds what it waited for.
        await self._store.save_cases(cases)
        starts = [(letter, domain.start(letter, cases.get(letter.feedback_id, ({}, {}))[1])) for letter in letters]
        outcome.repeated = await self._store.save_letters(starts, released, now)
        return outcome

    def _follow(self, received: Received, now: datetime) -> domain.News:
        if isinstance(received.event, Tombstone):
            return domain.erased()
        return domain.follow(self._letters, self._version, received.envelope, received.event, now)
