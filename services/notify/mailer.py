"""Sends the letters of one channel that are due, each at most once. Channels do not wait for each other.

Letters are claimed in batches. Each small group, one letter a connection, is marked `sending` in the database before it is
handed over. If a claim ends before that, its letters are due again. If the lease of a `sending` letter ends, the letter is
uncertain, and only a person's decision sends it again.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import stamina
from pymongo.errors import PyMongoError

from pakn import metrics
from pakn.legal_time import LegalTime
from pakn.logs import logger
from pakn.settings import NotifySettings
from services.notify import domain
from services.notify.channels.channel import Attempt, Channel, Message
from services.notify.day_bounds import DayBounds
from services.notify.letters.compose import CannotCompose, Composer
from services.notify.refusals import LONGEST_PAUSE, Answer, Refusals
from services.notify.store import NotifyStore

log = logger(__name__)
Settled = tuple[domain.Letter, domain.Settlement]


@dataclass
class Mailer:
    """Sends due letters; several may run on one database.

    `new_token` gives a new id for each claim; `instance` names this process.
    """

    store: NotifyStore
    bounds: DayBounds
    composer: Composer
    channel: Channel
    settings: NotifySettings
    time: LegalTime
    new_token: Callable[[], str]
    instance: str

    def __post_init__(self) -> None:
        self._refusals = Refusals(self.settings.refusals)
        self._refuses_all_reason = f"the {self.channel.server.name} refuses all letters"

    async def tick(self) -> None:
        """Send all due letters, batch after batch; stops early if the server cannot be reached or refuses everything."""
        now = self.time.machine()
        for channel, lost in (await self.store.expire(now=now, legal=self.time.now())).items():
            if lost:
                metrics.letter_attempts.labels("uncertain", channel).inc(lost)
                log.warning("letters_uncertain", count=lost, channel=channel)
        while not self._refusals.rest(now := self.time.machine()):
            token = self.new_token()
            # A server that refused everything is tried with a few letters first.
            limit = min(self.settings.batch, self._refusals.trial) if self._refuses_all else self.settings.batch
            batch = await self.store.claim(token, self.channel.name, now, now + self._lease, limit)
            going = await self._send(token, batch)
            if not going or len(batch) < limit:
                return

    @property
    def _lease(self) -> timedelta:
        return timedelta(seconds=self.settings.lease_seconds)

    async def _send(self, token: str, batch: Sequence[domain.Letter]) -> bool:
        """Send one claimed batch; false if the server could not be reached or refuses everything."""
        cases = await self.store.cases(letter.feedback_id for letter in batch)
        addresses = {address for case in cases.values() if (address := self._address(case))}
        bounced = await self.store.bounced(addresses) if addresses else set()
        now = self.time.machine()
        claim_ends = now + self._lease
        is_trial = self._refuses_all
        settled: list[Settled] = []
        ready: list[domain.Letter] = []
        for letter in batch:
            case = cases.get(letter.feedback_id, domain.Case())
            address = self._address(case)
            settlement = domain.readiness(letter, case, now, address=address, bounced=address in bounced)
            if settlement is None:
                ready.append(letter)
            else:
                settled.append((letter, settlement))
        ready, held = await self._within_bounds(ready, cases, now)
        await self._record(token, settled + held)
        await self._look_again([letter for letter, settlement in settled if settlement.waiting])
        for first in range(0, len(ready), self.channel.size):
            # After its end another instance may claim these letters; those left are due again by themselves.
            if self.time.machine() >= claim_ends:
                break
            group = ready[first : first + self.channel.size]
            reachable = await self._unbroken(self._send_group(token, group, cases))
            if not reachable or (self._refuses_all and not is_trial):
                rest = ready[first + self.channel.size :]
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
            if contact and (address := self.channel.address(contact)) and (bound := self.channel.bound(contact)):
                wanted.append((letter.id, self.channel.counted_as(address), bound))
        over = await self.bounds.above(wanted, domain.day_end(now))
        metrics.letters_held.labels("address").inc(len(over))
        held = [(letter, domain.held(letter, now)) for letter in ready if letter.id in over]
        return [letter for letter in ready if letter.id not in over], held

    def _address(self, case: domain.Case) -> str | None:
        return self.channel.address(case.contact) if case.contact else None

    async def _look_again(self, waiting: Sequence[domain.Letter]) -> None:
        """Release letters whose contact or deadline came during their claim.

        A claimed letter is not marked as waiting, so what came then released nothing, and the letter would wait in full.
        """
        if not waiting:
            return
        cases = await self.store.cases(letter.feedback_id for letter in waiting)
        now = self.time.machine()
        released = []
        for letter in waiting:
            case = cases.get(letter.feedback_id, domain.Case())
            settlement = domain.readiness(letter, case, now, address=self._address(case))
            if settlement is None or not settlement.waiting:
                released.append(letter.feedback_id)
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
        """Compose, mark, hand over together, record; false if the server could not be reached."""
        settled: list[Settled] = []
        composed: dict[str, tuple[domain.Letter, Message]] = {}
        day_end = domain.day_end(self.time.machine())
        for letter in group:
            try:
                current = await self._with_templates(letter)
                message = self.channel.compose(current, cases[letter.feedback_id], self.time.machine())
            except CannotCompose as error:
                log.error("letter_not_composed", letter=letter.id, code=letter.code, moment=letter.moment, reason=str(error))
                settled.append((letter, self._settle(letter, Attempt("failed", str(error)))))
                continue
            if await self._taken(message, day_end):
                composed[letter.id] = current, message
            else:
                metrics.letters_held.labels("day").inc()
                settled.append((letter, domain.held(letter, self.time.machine(), domain.DAY_FULL)))
        mine = await self.store.start_sending(token, list(composed), self.time.machine() + self._lease) if composed else set()
        sending = [row for letter_id, row in composed.items() if letter_id in mine]
        attempts = await asyncio.gather(*(self.channel.hand_over(message) for _, message in sending))
        answered = [(letter, message, attempt) for (letter, message), attempt in zip(sending, attempts, strict=True)]
        used = {message.id: message.parts or 0 for _, message, attempt in answered if attempt.result in ("sent", "uncertain")}
        blameless = self._blameless([Answer(letter.id, message.recipient, attempt.result) for letter, message, attempt in answered])
        for letter, message, attempt in answered:
            if letter.id in blameless:
                settled.append((letter, self._put_back(attempt.reason, LONGEST_PAUSE)))
                blameless.remove(letter.id)
            else:
                settled.append((letter, replace(self._settle(letter, attempt), parts=message.parts)))
            if attempt.result == "sent":
                metrics.letters_sent.labels(letter.moment, self.channel.name).inc()
            if message.id in used and message.parts:
                metrics.sms_parts.labels(attempt.result).inc(message.parts)
        await self._record(token, settled)
        if blameless:
            # These were recorded as failed before it was known that the server refuses everything.
            now = self.time.machine()
            again = domain.queue_anew(self._refuses_all_reason, now + LONGEST_PAUSE)
            await self.store.put_back(blameless, again, now=now, legal=self.time.now())
        await self._give_back([message for _, message in composed.values()], used, day_end)
        return all(attempt.result != "unreachable" for attempt in attempts)

    async def _taken(self, message: Message, day_end: datetime) -> bool:
        """Whether the day has room for what the message costs, which is taken then."""
        bound = self.channel.parts_per_day
        return not bound or await self.bounds.take(self.channel.name, message.parts or 0, bound, day_end)

    async def _give_back(self, messages: Iterable[Message], used: Mapping[str, int], day_end: datetime) -> None:
        """Give back what these have taken and not used. Where the process ends before, the day only has room for less."""
        left = sum(message.parts or 0 for message in messages) - sum(used.values())
        if self.channel.parts_per_day and left:
            await self.bounds.give_back(self.channel.name, left, day_end)

    def _blameless(self, answers: Sequence[Answer]) -> set[str]:
        """The ids of refused letters that the server is to blame for. Says once when that begins, and once when it ends."""
        refused_all = self._refuses_all
        blameless = self._refusals.note(answers, self.time.machine())
        if self._refuses_all and not refused_all:
            log.error(self.channel.server.says_refuses, refused=len(blameless))
        elif refused_all and not self._refuses_all:
            log.warning(self.channel.server.says_takes)
        self.channel.server.refuses.set(self._refuses_all)
        return blameless

    def _put_back(self, reason: str, pause: timedelta) -> domain.Settlement:
        """A letter that the server is to blame for. Letters that were not refused yet try the server before it."""
        metrics.letter_attempts.labels("retry", self.channel.name).inc()
        return domain.queue_anew(reason, self.time.machine() + pause)

    def _not_tried(self) -> domain.Settlement:
        return self._put_back(self._refuses_all_reason, timedelta(seconds=self.settings.backoff_seconds))

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
        result = "retry" if settlement.state == "queued" else settlement.state
        metrics.letter_attempts.labels(result, self.channel.name).inc()
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
                await self.store.record(token, settled, now=now, legal=legal, instance=self.instance)
