"""Cases in MongoDB: one document a case, guarded by its version, with every fact that it gave rise to in `history`.

The newest answers to events that changed nothing are in `refusals`, so that they never take the room of acts.

A decision, its evidence and its duplicate check are one atomic write.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pymongo import InsertOne, UpdateOne
from pymongo.errors import BulkWriteError

from pakn.engine.mongo import Collection, Document, duplicates
from schemas import Fact

_KEPT_AS_IS = ("id", "type", "schema", "source", "data")


@dataclass(slots=True)
class Change:
    """A new state of one case: its fields, the version it was decided on (0: new), and the history entries to add.

    `refusals` are all that are kept of the case from now on; none: they stay as they are.
    """

    case_id: str
    version: int
    fields: Document
    entries: list[Document] = field(default_factory=list)
    refusals: list[Document] | None = None


def history_entry(cause: str, facts: Sequence[Fact]) -> Document:
    """What `history` keeps of one decision: the id of the event that caused it, and the facts as they were published."""
    return {"cause": cause, "facts": [_row(fact, cause) for fact in facts]}


def _row(fact: Fact, cause: str) -> Document:
    row = {name: getattr(fact, name) for name in _KEPT_AS_IS} | {"time": fact.time.isoformat(), "topics": list(fact.topics)}
    own = {"cause": fact.cause if fact.cause != cause else "", "causation": fact.causation}
    return row | {name: text for name, text in own.items() if text}


def newest(kept: Sequence[Document], added: Sequence[Document], most: int) -> list[Document]:
    """The last `most` entries of both, for what is kept apart from a case's acts, so that it never takes their room."""
    return [*kept, *added][-most:]


def recorded_facts(document: Document, cause: str) -> list[Fact] | None:
    """The facts that `cause` gave rise to in this case, exactly as they were; none if it was not handled yet."""
    for entry in (*document.get("history", ()), *document.get("refusals", ())):
        if entry["cause"] == cause:
            return facts_of(document["_id"], entry)
    return None


def all_recorded_facts(document: Document) -> list[Fact]:
    """Every fact of this case in order, exactly as it was published."""
    return [fact for entry in document["history"] for fact in facts_of(document["_id"], entry)]


def facts_of(case_id: str, entry: Document) -> list[Fact]:
    """The facts of one entry of `history`, exactly as they were published."""
    return [
        Fact(
            subject=case_id,
            time=datetime.fromisoformat(row["time"]),
            topics=tuple(row["topics"]),
            cause=row.get("cause", entry["cause"]),
            causation=row.get("causation", ""),
            **{name: row[name] for name in _KEPT_AS_IS},
        )
        for row in entry["facts"]
    ]


class CaseStore:
    """The cases of one service."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection

    async def load(self, case_ids: Iterable[str]) -> dict[str, Document]:
        """The documents of these cases, by id; cases that do not exist are left out. One query."""
        found = await self.collection.find({"_id": {"$in": list(case_ids)}}).to_list(None)
        return {document["_id"]: document for document in found}

    async def save(self, changes: Sequence[Change]) -> set[str]:
        """Write all changes in one unordered bulk and return the ids of those that another writer came before."""
        if not changes:
            return set()
        # What marks the writes of this call as its own: another instance may decide on the same event at the same time.
        writer = uuid.uuid4().hex
        writes: list[Any] = [self._write(change, writer) for change in changes]
        inserts = [change for change in changes if change.version == 0]
        conflicts: set[str] = set()
        try:
            matched = (await self.collection.bulk_write(writes, ordered=False)).matched_count
        except BulkWriteError as error:
            conflicts |= {changes[index].case_id for index in duplicates(error)}
            matched = (error.details or {}).get("nMatched", 0)
        if matched < len(changes) - len(inserts):
            # The server counts what matched but does not say which; the writer's mark tells.
            updates = [change.case_id for change in changes if change.version]
            written = await self.collection.find({"_id": {"$in": updates}, "writer": writer}, {"_id": 1}).to_list(None)
            conflicts |= set(updates) - {row["_id"] for row in written}
        return conflicts

    @staticmethod
    def _write(change: Change, writer: str) -> InsertOne[Document] | UpdateOne:
        fields = change.fields | {"version": change.version + 1, "writer": writer}
        if change.refusals is not None:
            fields["refusals"] = change.refusals
        if change.version == 0:
            return InsertOne({"_id": change.case_id, **fields, "history": change.entries})
        update: Document = {"$set": fields}
        if change.entries:
            update["$push"] = {"history": {"$each": change.entries}}
        return UpdateOne({"_id": change.case_id, "version": change.version}, update)
