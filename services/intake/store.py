"""Intake's documents: feedbacks, the counter of codes, the marks of the outbox, and who looked at a sender's details.

Uses only what PyMongo's async driver and Motor share; the contract tests run on both.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from pymongo import UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError

from pakn.engine.case_store import CaseStore
from pakn.engine.mongo import Database, Document, duplicates
from pakn.errors import TryAgain
from schemas import ContactRecorded


class IntakeStore:
    """One database; `feedbacks` holds one document a feedback, with what must still be published inside it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.cases = CaseStore(database["feedbacks"])
        self._feedbacks = database["feedbacks"]
        self._counters = database["counters"]
        self._marks = database["outbox_marks"]
        self._looks = database["looks"]

    async def prepare(self) -> None:
        """Create the indexes that are missing."""
        await self._feedbacks.create_index("code", unique=True)
        await self._feedbacks.create_index([("place.instance", 1), ("place.seq", 1)])
        await self._looks.create_index("feedback_id")

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

    async def insert(self, documents: Sequence[Document]) -> set[str]:
        """Insert all in one batch and return the ids of those that were not inserted: their id or their code exists."""
        try:
            await self._feedbacks.insert_many(documents, ordered=False)
        except BulkWriteError as error:
            return {documents[index]["_id"] for index in duplicates(error)}
        return set()

    async def by_code(self, code: str) -> Document | None:
        """The feedback with this code."""
        found: Document | None = await self._feedbacks.find_one({"code": code})
        return found

    async def shown_facts(self, case_ids: Iterable[str]) -> dict[str, set[str]]:
        """The ids of the facts that each feedback's timeline has already. One query."""
        rows = await self._feedbacks.find({"_id": {"$in": list(case_ids)}}, {"timeline.id": 1}).to_list(None)
        return {row["_id"]: {entry["id"] for entry in row.get("timeline", ())} for row in rows}

    async def project(self, views: Iterable[tuple[str, Document, list[Document]]]) -> None:
        """Bring what is shown up to date: (feedback id, fields, timeline rows), one bulk.

        The guard keeps a batch that another instance has shown already from turning a feedback's state back.
        """
        writes = [
            UpdateOne(
                {"_id": case_id, "timeline.id": {"$ne": rows[-1]["id"]}},
                {"$set": fields, "$addToSet": {"timeline": {"$each": rows}}}
                if fields
                else {"$addToSet": {"timeline": {"$each": rows}}},
            )
            for case_id, fields, rows in views
        ]
        if writes:
            await self._feedbacks.bulk_write(writes, ordered=False)

    async def placed_after(self, instance: str, seq: int, up_to: int | None, limit: int) -> list[Document]:
        """Documents that `instance` placed above `seq` (and not above `up_to`), in order: what may not be published yet."""
        bounds = {"$gt": seq} | ({"$lte": up_to} if up_to is not None else {})
        query = {"place.instance": instance, "place.seq": bounds}
        found: list[Document] = await self._feedbacks.find(query).sort("place.seq", 1).limit(limit).to_list(None)
        return found

    async def heartbeat(self, instance: str, now: datetime) -> None:
        """Note that `instance` works at `now` (machine time); its mark is made at the first call."""
        await self._marks.update_one({"_id": instance}, {"$set": {"seen_at": now}, "$setOnInsert": {"seq": 0}}, upsert=True)

    async def move_mark(self, instance: str, seq: int) -> None:
        """Note that everything of `instance` up to `seq` is published."""
        await self._marks.update_one({"_id": instance}, {"$max": {"seq": seq}})

    async def marks_before(self, now: datetime) -> list[Document]:
        """The marks of instances that have not been heard of since `now`."""
        found: list[Document] = await self._marks.find({"seen_at": {"$lt": now}}).to_list(None)
        return found

    async def forget_mark(self, mark: Document) -> None:
        """An instance that has stopped and has nothing left to publish needs no mark; one that came back keeps it."""
        await self._marks.delete_one({"_id": mark["_id"], "seen_at": mark["seen_at"]})

    async def record_look(self, feedback_id: str, agency: str, token_id: str, now: datetime) -> None:
        """Record that an agency read a sender's details."""
        await self._looks.insert_one({"feedback_id": feedback_id, "agency": agency, "token_id": token_id, "at": now})

    async def erase_sender(self, code: str) -> str | None:
        """Erase the sender's details of a feedback and return its id; none when there is no such feedback.

        The fact that carried them goes too: what the sender does later publishes all facts of the feedback again, and would
        bring back what a tombstone has erased.
        """
        update = {
            "$set": {"sender": {}},
            "$pull": {"history.$[].facts": {"type": ContactRecorded.type_name()}},
            "$inc": {"version": 1},
        }
        found = await self._feedbacks.find_one_and_update({"code": code}, update, projection={"_id": 1})
        return str(found["_id"]) if found else None

    async def amend(self, document: Document, fields: Document, entry: Document) -> bool:
        """Add what the sender did to a feedback, unless its state or version has changed meanwhile: then false."""
        guard = {"_id": document["_id"], "version": document["version"], "state": document["state"]}
        update = {"$set": fields | {"version": document["version"] + 1}, "$push": {"history": entry}}
        return bool((await self._feedbacks.update_one(guard, update)).matched_count)
