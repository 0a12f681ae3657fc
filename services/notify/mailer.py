"""Sends the letters that are due, each at most once, and announces what became of them.

Letters are claimed in batches. Each small group, one letter a connection, is marked `sending` in the database before it is
handed over. If a claim ends before that, its letters are due again. If the lease of a `sending` letter ends, the letter is
uncertain, and only a person's decision sends it again.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

import stamina
from pymongo.errors import PyMongoError

from pakn import metrics
from pakn.legal_time import LegalTime
from pakn.logs import logger
from pakn.settings import NotifySettings
from schemas import Fact
from services.notify import domain
from services.notify.channels.email import Attempt
from services.notify.letters.compose import CannotCompose, Composer
from services.notify.refusals import LONGEST_PAUSE, Answer, Refusals
from services.notify.store import ANY_INSTANCE, NotifyStore

log = logger(__name__)
# An instance announces the letters that it settled within a second or two. After so long it has stopped.
_ANNOUNCED_BY_OTHERS_AFTER = timedelta(seconds=30)
_ANNOUNCE_LIMIT = 500
_REFUSES_ALL = "the mail server refuses all letters"
Settled = tuple[domain.Letter, domain.Settlement]


class Transport(Protocol):
    """What a mailer needs of a mail server."""

    size: int

    async def hand_over(self, recipient: str, letter: bytes) -> Attempt:
        """Give one letter to the server, and return its answer."""
        ...


@dataclass
class Mailer:
    """Sends due letters; several may run on one database.

    `new_token` gives a new id for each claim; its first id names this instance.
    """

    store: NotifyStore
    composer: Composer
    transport: Transport
    settings: NotifySettings
    sender: str
    time: LegalTime
    new_token: Callable[[], str]

    def __post_init__(self) -> None:
        self._instance = self.new_token()
        self._refusals = Refusals(self.settings.refusals)

    async def tick(self) -> None:
        """Send all due letters, batch after batch; stops early if the mail server cannot be reached or refuses everything."""
        now = self.time.machine()
        if lost := await self.store.expire(now=now, legal=self.time.now()):
            metrics.letter_attempts.labels("uncertain").inc(lost)
            log.warning("letters_uncertain", count=lost)
        while not self._refusals.rest(now := self.time.machine()):
            token = self.new_token()
            # A server that refused everything is tried with a few letters first.
            limit = min(self.settings.batch, self._refusals.trial) if self._refuses_all else self.settings.batch
            batch = await self.store.claim(token, now, now + self._lease, limit)
            going = await self._send(token, batch)
            if not going or len(batch) < limit:
                return

    @property
    def _lease(self) -> timedelta:
        return timedelta(seconds=self.settings.lease_seconds)

    async def _send(self, token: str, batch: Sequence[domain.Letter]) -> bool:
        """Send one claimed batch; false if the mail server could not be reached or refuses everything."""
        cases = await self.store.cases(letter.feedback_id for letter in batch)
        addresses = {case.contact.email for case in cases.values() if case.contact and case.contact.email}
        bounced = await self.store.bounced(addresses) if addresses else set()
        now = self.time.machine()
        claim_ends = now + self._lease
        is_trial = self._refuses_all
        settled: list[Settled] = []
        ready: list[domain.Letter] = []
        for letter in batch:
            case = cases.get(letter.feedback_id, domain.Case())
            address = case.contact.email if case.contact else None
            settlement = domain.readiness(letter, case, now, bounced=address in bounced)
            if settlement is None:
                ready.append(letter)
            else:
                settled.append((letter, settlement))
        ready, held = await self._within_bounds(ready, cases, now)
        await self._record(token, settled + held)
        await self._look_again([letter for letter, settlement in settled if settlement.waiting])
        for first in range(0, len(ready), self.transport.size):
            # After its end another instance may claim these letters; those left are due again by themselves.
            if self.time.machine() >= claim_ends:
                break
            group = ready[first : first + self.transport.size]
            reachable = await self._unbroken(self._send_group(token, group, cases))
            if not reachable or (self._refuses_all and not is_trial):
                rest = ready[first + self.transport.size :]
                left = [(letter, self._not_tried() if reachable else self._unreached(letter)) for letter in rest]
                await self._record(token, left)
                return False
        return not self._refuses_all

    @property
    def _refuses_all(self) -> bool:
        return self._refusals.rests_until is not None

    async def _within_bounds(
        self, ready: Sequence[domain.Letter], cases: dict[str, domain.Case], now: datetime
    ) -> tuple[list[domain.Letter], list[Settled]]:
        """The letters that may go today, and those above the bound of their address."""
        wanted: list[tuple[str, str, int]] = []
        for letter in ready:
            contact = cases[letter.feedback_id].contact
            bound = (
                self.settings.letters_per_address if contact and contact.email_confirmed else self.settings.letters_per_unconfirmed
            )
            if contact and contact.email and bound:
                wanted.append((letter.id, contact.email, bound))
        over = await self.store.above_bounds(wanted, domain.day_end(now))
        metrics.letters_held.inc(len(over))
        held = [(letter, domain.held(letter, now)) for letter in ready if letter.id in over]
        return [letter for letter in ready if letter.id not in over], held

    async def _look_again(self, waiting: Sequence[domain.Letter]) -> None:
        """Release letters whose contact or deadline came during their claim.

        A claimed letter is not marked as waiting, so what came then released nothing, and the letter would wait in full.
        """
        if not waiting:
            return
        cases = await self.store.cases(letter.feedback_id for letter in waiting)
        now = self.time.machine()
        looks = [(letter, domain.readiness(letter, cases.get(letter.feedback_id, domain.Case()), now)) for letter in waiting]
        released = [letter.feedback_id for letter, settlement in looks if settlement is None or not settlement.waiting]
        await self.store.save_letters([], released, now)

    async def _unbroken(self, work: Awaitable[bool]) -> bool:
        """Finish `work` even if the service stops: a letter half handed over would be uncertain for nothing."""
        task = asyncio.ensure_future(work)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            # The service may be cancelled several times. Each hand-over ends before its lease does.
            ends = asyncio.get_running_loop().time() + self.settings.lease_seconds
            while not task.done() and asyncio.get_running_loop().time() < ends:
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.wait({task}, timeout=1)
            raise

    async def _send_group(self, token: str, group: Sequence[domain.Letter], cases: dict[str, domain.Case]) -> bool:
        """Compose, mark, hand over together, record; false if the mail server could not be reached."""
        settled: list[Settled] = []
        composed: dict[str, tuple[domain.Letter, str, bytes]] = {}
        for letter in group:
            try:
                current = await self._with_templates(letter)
                composed[letter.id] = (current, *self.composer.compose(current, cases[letter.feedback_id], self.time.machine()))
            except CannotCompose as error:
                log.error("letter_not_composed", letter=letter.id, code=letter.code, moment=letter.moment, reason=str(error))
                settled.append((letter, self._settle(letter, Attempt("failed", str(error)))))
        mine = await self.store.start_sending(token, list(composed), self.time.machine() + self._lease) if composed else set()
        sending = [row for letter_id, row in composed.items() if letter_id in mine]
        attempts = await asyncio.gather(*(self.transport.hand_over(recipient, data) for _, recipient, data in sending))
        answered = [(letter, recipient, attempt) for (letter, recipient, _), attempt in zip(sending, attempts, strict=True)]
        blameless = self._blameless([Answer(letter.id, recipient, attempt.result) for letter, recipient, attempt in answered])
        for letter, _, attempt in answered:
            if letter.id in blameless:
                settled.append((letter, self._put_back(attempt.reason, LONGEST_PAUSE)))
                blameless.remove(letter.id)
            else:
                settled.append((letter, self._settle(letter, attempt)))
            if attempt.result == "sent":
                metrics.letters_sent.labels(letter.moment).inc()
        await self._record(token, settled)
        if blameless:
            # These were recorded as failed before it was known that the server refuses everything.
            now = self.time.machine()
            again = domain.queue_anew(_REFUSES_ALL, now + LONGEST_PAUSE)
            await self.store.put_back(blameless, again, now=now, legal=self.time.now())
        return all(attempt.result != "unreachable" for attempt in attempts)

    def _blameless(self, answers: Sequence[Answer]) -> set[str]:
        """The ids of refused letters that the server is to blame for. Says once when that begins, and once when it ends."""
        refused_all = self._refuses_all
        blameless = self._refusals.note(answers, self.time.machine())
        if self._refuses_all and not refused_all:
            log.error("mail_server_refuses_all_letters", refused=len(blameless))
        elif refused_all and not self._refuses_all:
            log.warning("mail_server_takes_letters_again")
        metrics.mail_server_refuses.set(self._refuses_all)
        return blameless

    def _put_back(self, reason: str, pause: timedelta) -> domain.Settlement:
        """A letter that the server is to blame for. Letters that were not refused yet try the server before it."""
        metrics.letter_attempts.labels("retry").inc()
        return domain.queue_anew(reason, self.time.machine() + pause)

    def _not_tried(self) -> domain.Settlement:
        return self._put_back(_REFUSES_ALL, timedelta(seconds=self.settings.backoff_seconds))

    def _unreached(self, letter: domain.Letter) -> domain.Settlement:
        return self._settlement(letter, Attempt("unreachable", "connect"))

    async def _with_templates(self, letter: domain.Letter) -> domain.Letter:
        """The letter with a version whose templates are loaded: its own, unless no instance ever kept that."""
        version = letter.template_version
        if not self.composer.knows(version):
            templates = await self.store.templates(version)
            if not templates:
                return replace(letter, template_version=self.composer.version)
            self.composer.learn(version, templates)
        return letter

    def _settlement(self, letter: domain.Letter, attempt: Attempt) -> domain.Settlement:
        backoff = timedelta(seconds=self.settings.backoff_seconds)
        settlement = domain.settle(letter, attempt.result, attempt.reason, self.time.machine(), backoff=backoff)
        metrics.letter_attempts.labels("retry" if settlement.state == "queued" else settlement.state).inc()
        return settlement

    def _settle(self, letter: domain.Letter, attempt: Attempt) -> domain.Settlement:
        settlement = self._settlement(letter, attempt)
        if attempt.result != "sent":
            log.warning("letter_not_sent", letter=letter.id, code=letter.code, state=settlement.state, reason=attempt.reason)
        return settlement

    async def _record(self, token: str, settled: Sequence[Settled]) -> None:
        if not settled:
            return
        now, legal = self.time.machine(), self.time.now()
        # The outcome of a hand-over must not be lost if the database is away for a moment.
        async for attempt in stamina.retry_context(on=PyMongoError, attempts=None, timeout=self.settings.lease_seconds / 2):
            with attempt:
                await self.store.record(token, settled, now=now, legal=legal, instance=self._instance)

    async def announce(self, publish: Callable[[Sequence[Fact]], Awaitable[None]]) -> None:
        """Publish what became of letters, then mark them; after a crash in between the same facts are published again."""
        rows = await self.store.to_announce(_ANNOUNCE_LIMIT)
        stale = self.time.machine() - _ANNOUNCED_BY_OTHERS_AFTER
        mine = [row for row in rows if row["announce"] in (self._instance, ANY_INSTANCE) or row["settled_at"] < stale]
        if mine:
            await publish([domain.announcement(row["letter"], row["state"], row["reason"], row["settled_legal"]) for row in mine])
            await self.store.announced(mine)

    async def count(self) -> None:
        """Refresh the gauge of letters by state."""
        for state, number in (await self.store.counts()).items():
            metrics.letters.labels(state).set(number)
