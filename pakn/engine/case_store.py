"""Cases in MongoDB: one document a case, guarded by its version, with every fact that it gave rise to in `history`.

The newest answers to events that changed nothing are in `refusals`, so that they never take the room of acts. A document that
may become large says in `used_bytes` about how much it holds.

A decision, its evidence and its duplicate check are one atomic write.
"""

import uuid
from collections.abc import Collection as Several
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pymongo import InsertOne, UpdateOne
from pymongo.errors import BulkWriteError

from pakn.engine.mongo import Collection, Document, duplicates
from schemas import Fact

_KEPT_AS_IS = ("id", "type", "schema", "source", "data")
MOST_REFUSALS = 100
"""Of a case. An agency may repeat itself in a loop; what comes again after a crash are the newest records."""
WITHOUT_FACTS: Mapping[str, int] = {"history.facts": 0, "refusals.facts": 0, "timed.facts": 0}
"""What is left out of documents to decide on: the texts of former facts are most of them, and only a repetition needs those."""
_LIGHT_BYTES = 32 * 1024
HELD_BYTES = 8 * 1024 * 1024
"""What may be held at once of documents that are known to be large."""


@dataclass(slots=True)
class Change:
    """A new state of one case: its fields, the version it was decided on (0: new), and the entries to add.

    Of `refusals` and `timed` only the newest are kept: `MOST_REFUSALS`, and `most_timed`.
    """

    case_id: str
    version: int
    fields: Document
    entries: list[Document] = field(default_factory=list)
    refusals: list[Document] = field(default_factory=list)
    timed: list[Document] = field(default_factory=list)
    most_timed: int = 0


def history_entry(cause: str, facts: Sequence[Fact]) -> Document:
    """What `history` keeps of one decision: the id of the event that caused it, and the facts as they were published."""
    return {"cause": cause, "facts": [_row(fact, cause) for fact in facts]}


def _row(fact: Fact, cause: str) -> Document:
    row = {name: getattr(fact, name) for name in _KEPT_AS_IS} | {"time": fact.time.isoformat(), "topics": list(fact.topics)}
    own = {"cause": fact.cause if fact.cause != cause else "", "causation": fact.causation}
    return row | {name: text for name, text in own.items() if text}


def recorded_causes(document: Document) -> set[str]:
    """The ids of the events that were handled for this case, as far as they are kept."""
    return {entry["cause"] for entry in (*document.get("history", ()), *document.get("refusals", ()))}


def recorded_facts(document: Document) -> dict[str, list[Fact]]:
    """The facts of each entry that a document has with its facts, exactly as they were published, by their cause."""
    entries = (*document.get("history", ()), *document.get("refusals", ()))
    return {entry["cause"]: facts_of(document["_id"], entry) for entry in entries}


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


async def groups(collection: Collection, case_ids: Iterable[str]) -> list[list[str]]:
    """These documents in groups that can be held at once, by their `used_bytes`: a batch may name hundreds of large ones."""
    left = dict.fromkeys(case_ids)
    query = {"_id": {"$in": list(left)}, "used_bytes": {"$gt": _LIGHT_BYTES}}
    heavy = await collection.find(query, {"used_bytes": 1}).to_list(None)
    found: list[list[str]] = []
    used = HELD_BYTES
    for row in heavy:
        del left[row["_id"]]
        if used + row["used_bytes"] > HELD_BYTES:
            found.append([])
            used = 0
        found[-1].append(row["_id"])
        used += row["used_bytes"]
    return [*([[*left]] if left else []), *found]


class CaseStore:
    """The cases of one service."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection

    async def groups(self, case_ids: Iterable[str]) -> list[list[str]]:
        """These cases in groups that can be held at once: agencies fill cases with megabytes, and a batch may name hundreds."""
        return await groups(self.collection, case_ids)

    async def load(self, case_ids: Iterable[str]) -> dict[str, Document]:
        """The documents of these cases without their facts, by id; cases that do not exist are left out. One query."""
        found = await self.collection.find({"_id": {"$in": list(case_ids)}}, dict(WITHOUT_FACTS)).to_list(None)
        return {document["_id"]: document for document in found}

    async def recorded(self, causes: Mapping[str, Several[str]]) -> dict[str, list[Fact]]:
        """The facts that these causes of these cases gave rise to, exactly as they were, by cause; a cause is of one case.

        One query for the first cause of every case, another one for the second, and so on.
        """
        found: dict[str, list[Fact]] = {}
        left = {case_id: {*wanted} for case_id, wanted in causes.items()}
        while left := {case_id: wanted for case_id, wanted in left.items() if wanted}:
            one_of_them = {"$elemMatch": {"cause": {"$in": [cause for wanted in left.values() for cause in wanted]}}}
            kept = {"history": one_of_them, "refusals": one_of_them}
            for document in await self.collection.find({"_id": {"$in": [*left]}}, kept).to_list(None):
                found |= recorded_facts(document)
            if found.keys().isdisjoint(cause for wanted in left.values() for cause in wanted):
                break
            left = {case_id: wanted - found.keys() for case_id, wanted in left.items()}
        return found

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
        if change.version == 0:
            refusals = {"refusals": change.refusals[-MOST_REFUSALS:]} if change.refusals else {}
            return InsertOne({"_id": change.case_id, **fields, "history": change.entries, **refusals})
        added: Document = {"history": {"$each": change.entries}} if change.entries else {}
        for name, entries, most in (("refusals", change.refusals, MOST_REFUSALS), ("timed", change.timed, change.most_timed)):
            if entries:
                added[name] = {"$each": entries, "$slice": -most}
        return UpdateOne({"_id": change.case_id, "version": change.version}, {"$set": fields} | ({"$push": added} if added else {}))
