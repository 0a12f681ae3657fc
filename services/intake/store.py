"""Intake's documents: feedbacks, the counter of codes, the marks of the outbox, erasures.

Uses only what PyMongo's async driver and Motor share; the contract tests run on both.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import accumulate
from typing import Any, NamedTuple

from pymongo import UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError

from pakn.engine import case_store
from pakn.engine.case_store import facts_of, history_entry
from pakn.engine.mongo import Database, Document, duplicates
from pakn.errors import TryAgain
from schemas import ContactRecorded, Fact, topics
from services.intake.feedback import Feedback, Recorded, ReplyFile, Step
from services.intake.portal_news import PortalCase


class OutboxPlace(NamedTuple):
    """Where a document was written: by which instance, with which number. What lies above an instance's mark is unpublished."""

    instance: str
    seq: int


class Mark(NamedTuple):
    """Up to where an instance has published, and when it was last heard of (machine time)."""

    instance: str
    seq: int
    seen_at: datetime


class Erasure(NamedTuple):
    """A feedback of which something was erased, the topics in which that is to be erased too, and how often they were told."""

    feedback_id: str
    topics: tuple[str, ...]
    sent: int


class Projection(NamedTuple):
    """What lifecycle facts change in what is shown of a feedback: fields of `Feedback`, and steps of its timeline.

    `dropped` are the ids of steps that the timeline no longer keeps, `updated_at` the latest time of a fact that is news to all.
    """

    feedback_id: str
    fields: Mapping[str, Any]
    steps: Sequence[Step]
    dropped: Sequence[str] = ()
    updated_at: datetime | None = None


class Known(NamedTuple):
    """The facts that a feedback's timeline has already (their types by their ids, in order), the files that were stored for
    its reply, and whose case it is."""

    steps: dict[str, str]
    reply_files: tuple[ReplyFile, ...]
    portal_case: PortalCase | None


def _known(row: Document) -> Known:
    steps = {entry["id"]: entry["type"] for entry in row.get("timeline", ())}
    files = tuple(ReplyFile.model_validate(file) for file in row.get("reply_files", ()))
    if "portal" not in row:
        return Known(steps, files, None)
    acts = {act["fact"]: act["own_id"] for act in row.get("portal_acts", ())}
    own = (row["portal"], row["submission_id"], row.get("reference"))
    return Known(steps, files, PortalCase(row["_id"], row["code"], *own, files, acts))


def _values(fields: Mapping[str, Any]) -> Document:
    return Feedback.model_construct(**fields).model_dump(include=set(fields))


def _write(feedback: Feedback) -> Document:
    fields = feedback.model_dump(exclude={"id", "history"}, exclude_none=True)
    history = [history_entry(row.cause, row.facts) for row in feedback.history]
    return {"_id": feedback.id, **fields, "history": history, "used_bytes": _used_bytes(feedback)}


def _used_bytes(feedback: Feedback) -> int:
    """About how many bytes a document's facts are, and what its sender wrote."""
    later = (*(row.content for row in feedback.supplements), *(row.content for row in feedback.appeals))
    facts = (fact for recorded in feedback.history for fact in recorded.facts)
    return sum(len(text.encode()) for text in (feedback.content, *later)) + sum(len(fact.data) for fact in facts)


def _read(document: Document) -> Feedback:
    history = [
        Recorded(cause=row["cause"], facts=tuple(facts_of(document["_id"], row)) if "facts" in row else ())
        for row in document["history"]
    ]
    return Feedback.model_validate({**document, "id": document["_id"], "history": history})


class IntakeStore:
    """One database; `feedbacks` holds one document a feedback, with what must still be published inside it."""

    def __init__(self, database: Database) -> None:
        self._feedbacks = database["feedbacks"]
        self._counters = database["counters"]
        self._marks = database["outbox_marks"]
        self._erasures = database["erasures"]
        self._published = database["published"]

    async def prepare(self) -> None:
        """Create the indexes that are missing."""
        await self._feedbacks.create_index("code", unique=True)
        await self._feedbacks.create_index([("place.instance", 1), ("place.seq", 1)])
        await self._feedbacks.create_index([("portal", 1), ("reference", 1)])

    async def take_numbers(self, day: str, count: int) -> int:
        """Reserve `count` numbers of a day and return the first; gaps stay where a submission was then not stored.

        Raises TryAgain when two instances made the day's counter at the same moment and this one came second.
        """
        try:
            row = await self._counters.find_one_and_update(
                {"_id": day}, {"$inc": {"last": count}}, upsert=True, return_document=True
            )
        except DuplicateKeyError:
            row = None
        if row is None:
            raise TryAgain(f"the counter of {day} was made by another writer")
        return int(row["last"]) - count + 1

    async def load(self, feedback_ids: Iterable[str]) -> dict[str, Feedback]:
        """The feedbacks with these ids; those that do not exist are left out. One query. Each may have a megabyte and more."""
        found = await self._feedbacks.find({"_id": {"$in": list(feedback_ids)}}).to_list(None)
        return {document["_id"]: _read(document) for document in found}

    async def groups(self, feedback_ids: Iterable[str]) -> list[list[str]]:
        """These feedbacks in groups that can be held at once."""
        return await case_store.groups(self._feedbacks, feedback_ids)

    async def glance(self, feedback_ids: Iterable[str]) -> dict[str, Feedback]:
        """As `load`, without the facts, and without what the senders wrote later: for hundreds at once."""
        without = {"history.facts": 0, "supplements": 0, "appeals": 0}
        found = await self._feedbacks.find({"_id": {"$in": list(feedback_ids)}}, without).to_list(None)
        return {document["_id"]: _read(document) for document in found}

    async def by_code(self, code: str) -> Feedback | None:
        """The feedback with this code."""
        found = await self._feedbacks.find_one({"code": code})
        return _read(found) if found else None

    async def insert(self, feedbacks: Sequence[Feedback], first: OutboxPlace | None = None) -> set[str]:
        """Insert all in one batch and return the ids of those that were not inserted: their id or their code exists.

        `first` is the place of the first one, and the others follow it; without it nothing of them is to be swept.
        """
        documents = [_write(feedback) for feedback in feedbacks]
        if first:
            for index, document in enumerate(documents):
                document["place"] = {"instance": first.instance, "seq": first.seq + index}
        try:
            await self._feedbacks.insert_many(documents, ordered=False)
        except BulkWriteError as error:
            return {documents[index]["_id"] for index in duplicates(error)}
        return set()

    async def place_again(self, feedback: Feedback, place: OutboxPlace) -> bool:
        """Move a feedback to another place, unless its sender did something meanwhile: that has given it a newer one."""
        guard = {"_id": feedback.id, "version": feedback.version}
        return bool((await self._feedbacks.update_one(guard, {"$set": {"place": place._asdict()}})).matched_count)

    async def known(self, case_ids: Iterable[str]) -> dict[str, Known]:
        """What is known of each feedback, as far as a fact of it needs. One query."""
        fields = ("timeline.id", "timeline.type", "code", "portal", "submission_id", "reference", "reply_files", "portal_acts")
        wanted = dict.fromkeys(fields, 1)
        rows = await self._feedbacks.find({"_id": {"$in": list(case_ids)}}, wanted).to_list(None)
        return {row["_id"]: _known(row) for row in rows}

    async def of_portal(self, portal: str, id: str | None, code: str | None, reference: str | None) -> list[Feedback]:
        """The feedbacks that a portal sent with this id, code and reference, where they are given; two at most."""
        given = {"_id": id, "code": code, "reference": reference}
        query = {"portal": portal} | {name: value for name, value in given.items() if value is not None}
        return [_read(row) for row in await self._feedbacks.find(query).limit(2).to_list(None)]

    async def project(self, projections: Iterable[Projection]) -> None:
        """Bring what is shown up to date, in one bulk.

        The guard keeps a batch that another instance has shown already from turning a feedback's state back.
        """
        writes = []
        for case_id, fields, steps, dropped, updated_at in projections:
            update: Document = {"$addToSet": {"timeline": {"$each": [step.model_dump() for step in steps]}}}
            if fields:
                update["$set"] = _values(fields)
            if updated_at:
                # Facts of different services come in no common order of their times.
                update["$max"] = {"updated_at": updated_at}
            writes.append(UpdateOne({"_id": case_id, "timeline.id": {"$ne": steps[-1].id}}, update))
            if dropped:
                writes.append(UpdateOne({"_id": case_id}, {"$pull": {"timeline": {"id": {"$in": list(dropped)}}}}))
        if writes:
            await self._feedbacks.bulk_write(writes, ordered=False)

    async def placed_after(self, instance: str, seq: int, up_to: int | None, limit: int) -> list[tuple[int, list[Fact]]]:
        """What `instance` placed above `seq` (and not above `up_to`), in order: each place and what may not be published yet.

        `limit` documents at most, and fewer of large ones.
        """
        bounds = {"$gt": seq} | ({"$lte": up_to} if up_to is not None else {})
        query = {"place.instance": instance, "place.seq": bounds}
        rows = await self._feedbacks.find(query, {"used_bytes": 1}).sort("place.seq", 1).limit(limit).to_list(None)
        sizes = accumulate(row.get("used_bytes", 0) for row in rows)
        at_once = max(sum(size <= case_store.HELD_BYTES for size in sizes), 1)
        found = await self._feedbacks.find(query).sort("place.seq", 1).limit(at_once).to_list(None)
        return [(document["place"]["seq"], _read(document).facts) for document in found]

    async def heartbeat(self, instance: str, now: datetime) -> None:
        """Note that `instance` works at `now` (machine time); its mark is made at the first call."""
        await self._marks.update_one({"_id": instance}, {"$set": {"seen_at": now}, "$setOnInsert": {"seq": 0}}, upsert=True)

    async def move_mark(self, instance: str, seq: int) -> None:
        """Note that everything of `instance` up to `seq` is published."""
        await self._marks.update_one({"_id": instance}, {"$max": {"seq": seq}})

    async def marks_before(self, now: datetime) -> list[Mark]:
        """The marks of instances that have not been heard of since `now`."""
        found = await self._marks.find({"seen_at": {"$lt": now}}).to_list(None)
        return [Mark(row["_id"], row["seq"], row["seen_at"]) for row in found]

    async def forget_mark(self, mark: Mark) -> None:
        """An instance that has stopped and has nothing left to publish needs no mark; one that came back keeps it."""
        await self._marks.delete_one({"_id": mark.instance, "seen_at": mark.seen_at})

    async def erase(self, feedback_id: str, erased: Collection[str], now: datetime) -> None:
        """Erase the sender's details of a feedback, and with `topics.MATTERS` in `erased` what he wrote. May be repeated.

        The fact that carried the details goes too: what the sender does later publishes all facts of the feedback again, and
        would bring back what a tombstone has erased. The topics in `erased` are noted first, for their tombstones.
        """
        note = {"$set": {"sent": 0, "next_at": now}, "$addToSet": {"topics": {"$each": [*erased]}}}
        await self._erasures.update_one({"_id": feedback_id}, note, upsert=True)
        update: Document = {
            "$set": {"sender": {}, "publish_name": False, "details_erased": True},
            "$pull": {"history.$[].facts": {"type": ContactRecorded.type_name()}},
            "$inc": {"version": 1},
        }
        if topics.MATTERS in erased:
            update["$set"] |= {"title": "", "content": "", "attachments": [], "supplements": [], "appeals": []}
            # An officer's question may repeat what the sender wrote.
            own = ("where", "named_unit", "commune", "area", "square", "question", "remark", "answers")
            update["$unset"] = dict.fromkeys(own, "")
            # The words by which a published reply is found may be the sender's. Without them it is only looked through.
            await self._published.update_one({"_id": feedback_id}, {"$set": {"words": []}, "$unset": {"title": ""}})
        await self._feedbacks.update_one({"_id": feedback_id}, update)
        if topics.MATTERS in erased:
            # So may the reason of an agency. That of a class outside the procedure, which no agency has, is the pack's.
            await self._feedbacks.update_one({"_id": feedback_id, "agency": {"$ne": None}}, {"$unset": {"reason": ""}})
        await self._hide_name(feedback_id)

    async def hide_name(self, feedback_id: str) -> None:
        """Note that the sender no longer agrees that the name is shown, and take it from the published reply. May be repeated."""
        update = {"$set": {"publish_name": False}, "$inc": {"version": 1}}
        await self._feedbacks.update_one({"_id": feedback_id, "publish_name": True}, update)
        await self._hide_name(feedback_id)

    async def _hide_name(self, feedback_id: str) -> None:
        # After the feedback: a published reply that is made anew at this moment is compared with it again.
        await self._published.update_one({"_id": feedback_id}, {"$set": {"name_keys": []}, "$unset": {"sender": ""}})

    async def erasures(self, now: datetime) -> list[Erasure]:
        """The feedbacks whose tombstones are due at `now` (machine time)."""
        rows = await self._erasures.find({"next_at": {"$lte": now}}).to_list(None)
        return [Erasure(row["_id"], tuple(row["topics"]), row["sent"]) for row in rows]

    async def buried(self, erasure: Erasure, next_at: datetime | None) -> None:
        """Note that tombstones of an erasure were published, and when the next ones are due; without a time it is over."""
        same = {"_id": erasure.feedback_id, "sent": erasure.sent, "topics": list(erasure.topics)}
        if next_at is None:
            await self._erasures.delete_one(same)
        else:
            await self._erasures.update_one(same, {"$set": {"sent": erasure.sent + 1, "next_at": next_at}})

    async def amend(
        self, feedback: Feedback, fields: Mapping[str, Any], recorded: Recorded, place: OutboxPlace | None = None
    ) -> bool:
        """Add what the sender did to a feedback, unless its state or version has changed meanwhile: then false.

        `fields` are fields of `Feedback` with their new values. Without a place the caller's Kafka offset brings the act again.
        """
        guard = {"_id": feedback.id, "version": feedback.version, "state": feedback.state}
        values = _values(fields) | {"version": feedback.version + 1} | ({"place": place._asdict()} if place else {})
        grown = feedback.model_copy(update={**fields, "history": (*feedback.history, recorded)})
        values["used_bytes"] = _used_bytes(grown)
        update = {"$set": values, "$push": {"history": history_entry(recorded.cause, recorded.facts)}}
        return bool((await self._feedbacks.update_one(guard, update)).matched_count)
