"""Turns a batch of facts into letters and the cases they are about, with one read and two bulk writes a batch.

A letter's id is derived from its fact, so a batch that comes again inserts nothing twice.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from pakn.engine.received import Outcome, Received, Tombstone
from pakn.errors import GiveUp
from pakn.logs import logger
from pakn.packs.letters import Letters
from schemas.values import LetterChannel
from services.notify import domain
from services.notify.store import CaseNews, NotifyStore

log = logger(__name__)


class LetterHandler:
    """Decides, then saves. It publishes no facts: what becomes of a letter is known only after it was sent."""

    def __init__(
        self,
        store: NotifyStore,
        letters: Letters,
        version: str,
        now: Callable[[], datetime],
        new_token: Callable[[], str],
        channels: frozenset[LetterChannel] = domain.EMAIL_ALONE,
    ) -> None:
        """`version` is that of the pack's templates; `now` gives the machine's time, and `new_token` what nobody guesses.

        `channels` are those that have a server; the pack may name others too.
        """
        self._store = store
        self._letters = letters
        self._version = version
        self._now = now
        self._new_token = new_token
        self._channels = channels

    async def handle(self, batch: Sequence[Received]) -> Outcome:
        """Safe to repeat with the same batch. Raises PyMongoError if the database cannot be written."""
        outcome = Outcome()
        now = self._now()
        followed: list[tuple[str, str, domain.News]] = []
        for received in batch:
            if isinstance(received.event, Tombstone):
                followed.append((received.envelope.subject, received.envelope.id, domain.ERASED))
                continue
            try:
                news = domain.follow(self._letters, self._version, received.envelope, received.event, now, self._channels)
            except Exception as error:  # A pure decision fails the same way at each repetition.
                log.exception("decision_failed", event_id=received.envelope.id, type=received.envelope.name)
                outcome.given_up.append((received, GiveUp("unexpected", type(error).__name__)))
                continue
            feedback_id = getattr(received.event, "feedback_id", received.envelope.subject)
            followed.append((feedback_id, received.envelope.id, news))
        cases = await self._case_news(followed)
        # Cases are saved first, so that a released letter finds what it waited for.
        await self._store.save_cases(cases)
        letters = [replace(letter, token=self._new_token()) for _, _, news in followed for letter in news.letters]
        starts = [(letter, domain.start(letter, cases.get(letter.feedback_id, ({}, []))[0])) for letter in letters]
        released = dict.fromkeys(feedback_id for feedback_id, _, news in followed if news.releases)
        outcome.repeated = await self._store.save_letters(starts, released, now)
        return outcome

    async def _case_news(self, followed: Sequence[tuple[str, str, domain.News]]) -> dict[str, CaseNews]:
        """The changes by facts that are new to their case; a later fact of the batch wins."""
        told = [(feedback_id, fact_id, news.case) for feedback_id, fact_id, news in followed if news.case]
        known = await self._store.known_facts({feedback_id for feedback_id, _, _ in told}) if told else {}
        cases: dict[str, CaseNews] = {}
        for feedback_id, fact_id, fields in told:
            if fact_id not in known.setdefault(feedback_id, set()):
                known[feedback_id].add(fact_id)
                values, facts = cases.setdefault(feedback_id, ({}, []))
                values.update(fields)
                facts.append(fact_id)
        return cases
