"""Gives codes to submissions in order and stores them, in groups: three or four round trips a group, whatever its size."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import stamina

from pakn import metrics
from pakn.engine.reachability import is_away
from pakn.errors import TryAgain
from pakn.packs.load import Pack
from schemas import Fact
from services.intake import domain
from services.intake.domain import Draft
from services.intake.feedback import Feedback
from services.intake.outbox import Outbox, Placed
from services.intake.store import IntakeStore, OutboxPlace

# How many feedbacks an instance remembers as its own; of an older one a repetition publishes once more.
_PLACED = 10_000


@dataclass(frozen=True, slots=True)
class Registration:
    """The stored feedback, and whether it was there before: then it comes without its facts and what was added later."""

    feedback: Feedback
    repeated: bool


class Registrar:
    """Registers groups of drafts at once."""

    def __init__(self, store: IntakeStore, pack: Pack, secret_key: str) -> None:
        self._store = store
        self._pack = pack
        self._secret_key = secret_key

    async def register(self, drafts: Sequence[Draft], place: OutboxPlace | None = None) -> list[Registration]:
        """Store new drafts and find repeated ones, in order. Drafts of one group with one id are one submission.

        `place` is the outbox place of the first draft; without it the caller's Kafka offset brings the group again.
        Raises TryAgain when another instance took the same numbers; doing it again finds what is stored and takes new ones.
        """
        known = await self._store.glance({draft.arrival.feedback_id for draft in drafts})
        fresh: dict[str, Draft] = {}
        for draft in drafts:
            if draft.arrival.feedback_id not in known:
                fresh.setdefault(draft.arrival.feedback_id, draft)
        made = await self._registered(list(fresh.values()))
        there_already = await self._store.insert(made, place) if made else set()
        new = {feedback.id for feedback in made} - there_already
        known |= {feedback.id: feedback for feedback in made if feedback.id in new}
        if there_already:
            known |= await self._store.glance(there_already)
            if there_already - known.keys():
                raise TryAgain("a code was given to another submission at the same moment")
        result: list[Registration] = []
        for draft in drafts:
            feedback = known[draft.arrival.feedback_id]
            repeated = feedback.id not in new
            new.discard(feedback.id)
            result.append(Registration(feedback, repeated))
            outcome = "repeated" if repeated else ("accepted" if feedback.accepted else "not_accepted")
            metrics.submissions.labels(draft.arrival.channel, outcome).inc()
        return result

    async def load(self, feedback_id: str) -> Feedback:
        """A registered feedback with all that is known of it, which a repeated `Registration` has not."""
        return (await self._store.load([feedback_id]))[feedback_id]

    async def place_again(self, feedback: Feedback, place: OutboxPlace) -> bool:
        """Let `place` stand for a feedback that was registered before; false when it has a newer one."""
        return await self._store.place_again(feedback, place)

    async def _registered(self, drafts: Sequence[Draft]) -> list[Feedback]:
        days = [domain.local_day(self._pack, draft.submitted_at) for draft in drafts]
        next_number = {day: await self._store.take_numbers(day, count) for day, count in Counter(days).items()}
        made: list[Feedback] = []
        for draft, day in zip(drafts, days, strict=True):
            code = f"{self._pack.header.code_prefix}.{day}.{next_number[day]:04d}"
            next_number[day] += 1
            secret = domain.lookup_secret(self._secret_key, draft.arrival.feedback_id)
            token = domain.confirmation_token(self._secret_key, draft.arrival.feedback_id)
            made.append(domain.register(self._pack, draft, code, secret, token=token))
        return made


class GroupCommit:
    """Concurrent HTTP submissions share one insert and one publication; each waits only for the insert.

    A repetition publishes nothing that this instance publishes anyway: the fast way does, or the sweep.
    """

    def __init__(self, registrar: Registrar, outbox: Outbox, flush_seconds: float, flush_documents: int) -> None:
        self._registrar = registrar
        self._outbox = outbox
        self._flush_seconds = flush_seconds
        self._flush_documents = flush_documents
        # The feedbacks that have a settled place of this instance, the oldest first.
        self._placed: dict[str, None] = {}
        self._waiting: asyncio.Queue[tuple[Draft, asyncio.Future[Registration]]] = asyncio.Queue()

    async def register(self, drafts: Sequence[Draft]) -> list[Registration]:
        """Register drafts with whatever else comes in at the same time. Raises PyMongoError when they were not stored."""
        futures = [asyncio.get_running_loop().create_future() for _ in drafts]
        for row in zip(drafts, futures, strict=True):
            self._waiting.put_nowait(row)
        return [await future for future in futures]

    async def run(self) -> None:
        """Commit groups, one after the other: what waits when a group is done is the next one."""
        while True:
            group = [await self._waiting.get()]
            await asyncio.sleep(self._flush_seconds)
            while not self._waiting.empty() and len(group) < self._flush_documents:
                group.append(self._waiting.get_nowait())
            await self._commit(group)

    async def _commit(self, group: Sequence[tuple[Draft, asyncio.Future[Registration]]]) -> None:
        first = self._outbox.take_places(len(group))
        try:
            async for attempt in stamina.retry_context(on=TryAgain, attempts=5, wait_initial=0.01, wait_max=0.2):
                with attempt:
                    place = OutboxPlace(self._outbox.instance, first)
                    results = await self._registrar.register([draft for draft, _ in group], place)
            facts = await self._facts(results, first)
        except Exception as error:  # Whatever it is, every waiting request must hear of it.
            self._fail(group, error)
            self._outbox.abandon(first)
            if is_away(error):
                # Those behind would wait for a database that does not answer, one group after the other.
                self._fail([self._waiting.get_nowait() for _ in range(self._waiting.qsize())], error)
            return
        for result, (_, future) in zip(results, group, strict=True):
            if not future.done():
                future.set_result(result)
        self._outbox.offer(Placed(first, first + len(group) - 1, facts))

    @staticmethod
    def _fail(group: Sequence[tuple[Draft, asyncio.Future[Registration]]], error: Exception) -> None:
        for _, future in group:
            if not future.done():
                future.set_exception(error)

    async def _facts(self, results: Sequence[Registration], first: int) -> list[Fact]:
        """What is to be published of a group that has the places from `first` on.

        The first try of a repeated submission may have been stored after it was taken for failed, or by an instance that has
        stopped. It gets a place of this group, so that it is published whatever happens now. New ones have the first places.
        """
        facts: list[Fact] = []
        last = first + len(results) - 1
        for feedback, repeated in ((result.feedback, result.repeated) for result in results):
            if not repeated:
                facts += feedback.facts
            elif feedback.id not in self._placed:
                if await self._registrar.place_again(feedback, OutboxPlace(self._outbox.instance, last)):
                    facts += (await self._registrar.load(feedback.id)).unshown_facts
                last -= 1
            self._placed[feedback.id] = None
        while len(self._placed) > _PLACED:
            del self._placed[next(iter(self._placed))]
        return facts
