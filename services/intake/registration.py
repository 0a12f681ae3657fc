"""What intake does: register submissions in groups, take supplements and ratings, keep the shown state up to date.

The edges (`api.py`, `consumers.py`) call these. Registration: look for repetitions, take codes, insert, publish; two or
three round trips a group, whatever its size.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import stamina

import schemas
from pakn import metrics
from pakn.engine.case_store import all_recorded_facts, history_entry
from pakn.engine.mongo import Document
from pakn.errors import TryAgain
from pakn.legal_time import LegalTime
from pakn.packs.load import Pack
from schemas import Fact
from schemas.values import Attachment
from services.intake import domain
from services.intake.outbox import Outbox, Placed
from services.intake.store import IntakeStore


@dataclass(frozen=True, slots=True)
class Registration:
    """The stored feedback, whether it was there before, and whether it is the same submission as before."""

    document: Document
    secret: str
    repeated: bool
    same: bool


class Registrar:
    """Registers groups of drafts; used by the portals' topics directly and by HTTP through `GroupCommit`."""

    def __init__(self, store: IntakeStore, pack: Pack, secret_key: str) -> None:
        self._store = store
        self._pack = pack
        self._secret_key = secret_key

    async def register(self, drafts: Sequence[domain.Draft], place: tuple[str, int] | None = None) -> list[Registration]:
        """Store new drafts and find repeated ones, in order. Drafts of one group with one id are one submission.

        `place` is the outbox place of the first draft; without it the caller's Kafka offset brings the group again.
        Raises TryAgain when another instance took the same numbers; doing it again finds what is stored and takes new ones.
        """
        known = await self._store.cases.load({draft.feedback_id for draft in drafts})
        fresh = list({draft.feedback_id: draft for draft in reversed(drafts) if draft.feedback_id not in known}.values())[::-1]
        documents = await self._documents(fresh, place)
        there_already = await self._store.insert(documents) if documents else set()
        known |= {document["_id"]: document for document in documents if document["_id"] not in there_already}
        if there_already:
            known |= await self._store.cases.load(there_already)
            if there_already - known.keys():
                raise TryAgain("a code was given to another submission at the same moment")
        new = {document["_id"] for document in documents} - there_already
        result: list[Registration] = []
        for draft in drafts:
            document = known[draft.feedback_id]
            secret = domain.lookup_secret(self._secret_key, draft.feedback_id)
            repeated = draft.feedback_id not in new
            new.discard(draft.feedback_id)
            result.append(Registration(document, secret, repeated, document["fingerprint"] == draft.fingerprint))
            outcome = "repeated" if repeated else ("accepted" if document["state"] != "not_accepted" else "not_accepted")
            metrics.submissions.labels(draft.channel, outcome).inc()
        return result

    async def _documents(self, drafts: Sequence[domain.Draft], place: tuple[str, int] | None) -> list[Document]:
        days = [domain.local_day(self._pack, draft.submitted_at) for draft in drafts]
        next_number = {day: await self._store.take_numbers(day, count) for day, count in Counter(days).items()}
        documents: list[Document] = []
        for index, (draft, day) in enumerate(zip(drafts, days, strict=True)):
            code = f"{self._pack.header.code_prefix}.{day}.{next_number[day]:04d}"
            next_number[day] += 1
            fields, facts = domain.register(self._pack, draft, code, domain.lookup_secret(self._secret_key, draft.feedback_id))
            document = {"_id": draft.feedback_id, "version": 1, **fields, "history": [history_entry(draft.cause, facts)]}
            if place:
                document["place"] = {"instance": place[0], "seq": place[1] + index}
            documents.append(document)
        return documents


class GroupCommit:
    """Concurrent HTTP submissions share one insert and one publication; each waits only for the insert."""

    def __init__(self, registrar: Registrar, outbox: Outbox, flush_seconds: float, flush_documents: int) -> None:
        self._registrar = registrar
        self._outbox = outbox
        self._flush_seconds = flush_seconds
        self._flush_documents = flush_documents
        self._waiting: asyncio.Queue[tuple[domain.Draft, asyncio.Future[Registration]]] = asyncio.Queue()

    async def submit(self, draft: domain.Draft) -> Registration:
        """Register one draft with whatever else comes in at the same time. Raises PyMongoError when it was not stored."""
        future: asyncio.Future[Registration] = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait((draft, future))
        return await future

    async def run(self) -> None:
        """Commit groups, one after the other: what waits when a group is done is the next one."""
        while True:
            group = [await self._waiting.get()]
            await asyncio.sleep(self._flush_seconds)
            while not self._waiting.empty() and len(group) < self._flush_documents:
                group.append(self._waiting.get_nowait())
            await self._commit(group)

    async def _commit(self, group: Sequence[tuple[domain.Draft, asyncio.Future[Registration]]]) -> None:
        first = self._outbox.take_places(len(group))
        try:
            async for attempt in stamina.retry_context(on=TryAgain, attempts=5, wait_initial=0.01, wait_max=0.2):
                with attempt:
                    results = await self._registrar.register([draft for draft, _ in group], (self._outbox.instance, first))
        except Exception as error:  # Whatever it is, every waiting request must hear of it.
            for _, future in group:
                if not future.done():
                    future.set_exception(error)
            self._outbox.abandon(first)
            return
        facts: list[Fact] = []
        for result, (_, future) in zip(results, group, strict=True):
            if not future.done():
                future.set_result(result)
            # Those of a repeated submission too: its first try may have been stored after it was taken for failed.
            facts += all_recorded_facts(result.document)
        self._outbox.offer(Placed(first, first + len(group) - 1, facts))


class SenderActs:
    """What the sender does after the submission: answer a question, rate the reply."""

    def __init__(self, store: IntakeStore, outbox: Outbox, time: LegalTime) -> None:
        self._store = store
        self._outbox = outbox
        self._time = time

    async def supplement(self, document: Document, act_id: str, content: str, attachments: tuple[Attachment, ...]) -> bool:
        """Answer what the agency asked. False when nothing is being asked (any more).

        Law: a supplemented feedback waits to be received again, and a new limit starts (Decision 766/QĐ-TTg's measure).
        """
        if document["state"] != "waiting_for_supplement":
            return False
        now = self._time.now()
        event = schemas.FeedbackSupplemented(
            feedback_id=document["_id"], code=document["code"], content=content, attachments=attachments, supplemented_at=now
        )
        files = document["attachments"] + [attachment.model_dump() for attachment in attachments]
        return await self._amend(document, act_id, event, now, {"state": "supplemented", "attachments": files})

    async def rate(self, document: Document, act_id: str, satisfied: bool) -> bool:
        """Rate the published reply, once. False when there is no reply yet or it was rated before."""
        if document["state"] != "published" or document.get("satisfied") is not None:
            return False
        now = self._time.now()
        event = schemas.FeedbackRated(feedback_id=document["_id"], code=document["code"], satisfied=satisfied, rated_at=now)
        return await self._amend(document, act_id, event, now, {"satisfied": satisfied})

    async def _amend(self, document: Document, act_id: str, event: schemas.Event, now: datetime, fields: Document) -> bool:
        fact = schemas.fact(event, cause=act_id, subject=document["_id"], time=now, source=domain.SOURCE)
        seq = self._outbox.take_places(1)
        place = {"instance": self._outbox.instance, "seq": seq}
        entry = history_entry(act_id, [fact])
        try:
            done = await self._store.amend(document, fields | {"place": place}, entry)
        except BaseException:
            # A request that is cancelled must give its place back too: below an unsettled one nothing is ever swept.
            self._outbox.abandon(seq)
            raise
        # What the new place covers of the earlier history has been published: the case could not be in this state if
        # routing had not read it. The sweep, which cannot know, publishes all of a document.
        self._outbox.offer(Placed(seq, seq, [fact] if done else []))
        return done
