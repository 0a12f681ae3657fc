"""Deadlines' documents: one case a feedback with its clocks. Uses only what PyMongo's async driver and Motor share."""

import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime

from pymongo.errors import DuplicateKeyError

from pakn.engine.case_store import WITHOUT_FACTS, CaseStore
from pakn.engine.mongo import Collection, Database, Document
from pakn.packs.models import Calendar, RuleSet
from services.deadlines.clocks.clock import Case
from services.deadlines.law.known import LawVersion

# Stands for "nothing is due any more". A null would lie inside the range of the due query on some servers' indexes.
NEVER = datetime(9999, 12, 31, tzinfo=UTC)


class DeadlinesStore:
    """One database: `cases`, looked up by partition and the instant of the next rung, and since when which law holds."""

    def __init__(self, database: Database) -> None:
        self.cases = CaseStore(database["cases"])
        self._cases = database["cases"]
        self._calendars = database["calendars"]
        self._rule_sets = database["rule_sets"]

    async def prepare(self) -> None:
        """Create the indexes that are missing."""
        await self._cases.create_index([("partition", 1), ("next_fire_at", 1)])
        await self._cases.create_index("running")
        # In the order of ids for one partition or for all; the partition stands last, so that others are not fetched.
        await self._cases.create_index([("counted_by", 1), ("_id", 1), ("partition", 1)])
        await self._cases.create_index("code")

    async def by_code(self, code: str) -> Document | None:
        """The case of the feedback with this code."""
        found: Document | None = await self._cases.find_one({"code": code})
        return found

    async def counts_in_use(self) -> list[LawVersion]:
        """By what running clocks were counted."""
        return [LawVersion.parse(text) for text in await self._cases.distinct("counted_by")]

    async def counted_by(
        self, counts: Iterable[LawVersion], partition: int, after: str, limit: int, not_of: Iterable[str] = ()
    ) -> list[Document]:
        """Cases of a partition, in the order of their ids and above the id `after`, with running clocks that were counted so.

        The cases that are with one of the agencies `not_of` are left out.
        """
        query = {"counted_by": _any_of(counts), "_id": {"$gt": after}, "partition": partition} | _not_of(not_of)
        found: list[Document] = await self._cases.find(query, dict(WITHOUT_FACTS)).sort("_id", 1).limit(limit).to_list(None)
        return found

    async def every_case(self, counts: Iterable[LawVersion] | None = None) -> AsyncIterator[Case]:
        """Every case, or every one with running clocks that were counted so, in the order of their ids."""
        query = {} if counts is None else {"counted_by": _any_of(counts)}
        async for document in self._cases.find(query, dict(WITHOUT_FACTS)).sort("_id", 1):
            yield read_case(document)

    async def keep_calendar(self, calendar: Calendar, holds_at: datetime) -> None:
        """Keep a calendar that holds from `holds_at` on, in the machine's time; one that is known stays as it is."""
        values = {"calendar": calendar.model_dump(mode="json", by_alias=True), "holds_at": holds_at}
        await _insert_once(self._calendars, calendar.version, values)

    async def calendar_versions(self) -> dict[str, datetime]:
        """Since when each calendar holds, by its version."""
        rows = await self._calendars.find({}, {"holds_at": 1}).to_list(None)
        return {row["_id"]: row["holds_at"] for row in rows}

    async def calendar(self, version: str) -> Calendar:
        """A calendar that is kept."""
        found = await self._calendars.find_one({"_id": version})
        return Calendar.model_validate(found["calendar"])

    async def keep_rule_set(self, rule_set: RuleSet, holds_at: datetime) -> None:
        """Keep a revision of a rule set that holds from `holds_at` on; one that is known stays as it is."""
        content = rule_set.model_dump(mode="json", by_alias=True)
        values = {"id": rule_set.id, "revision": rule_set.revision, "rule_set": content, "holds_at": holds_at}
        await _insert_once(self._rule_sets, _revision_id(rule_set.id, rule_set.revision), values)

    async def revisions(self) -> dict[tuple[str, int], datetime]:
        """Since when each revision of a rule set holds."""
        rows = await self._rule_sets.find({}, {"id": 1, "revision": 1, "holds_at": 1}).to_list(None)
        return {(row["id"], row["revision"]): row["holds_at"] for row in rows}

    async def rule_set(self, id: str, revision: int) -> RuleSet:
        """A revision of a rule set that is kept."""
        found = await self._rule_sets.find_one({"_id": _revision_id(id, revision)})
        return RuleSet.model_validate(found["rule_set"])

    async def due(
        self, partition: int, until: datetime, limit: int, passing_over: Sequence[str] = (), not_of: Iterable[str] = ()
    ) -> list[Document]:
        """Cases of a partition with a rung due by `until`, the oldest first, without those to be passed over.

        The cases that are with one of the agencies `not_of` are left out.
        """
        query: Document = {"partition": partition, "next_fire_at": {"$lte": until}} | _not_of(not_of)
        if passing_over:
            query["_id"] = {"$nin": list(passing_over)}
        found: list[Document] = (
            await self._cases.find(query, dict(WITHOUT_FACTS)).sort("next_fire_at", 1).limit(limit).to_list(None)
        )
        return found

    async def count_running(self, kinds: list[str]) -> dict[str, int]:
        """How many cases have an open clock of each kind (`rule:open`, `rule:late`, `rule:uncounted`)."""
        return {kind: await self._cases.count_documents({"running": kind}) for kind in kinds}


def _not_of(agencies: Iterable[str]) -> Document:
    return {"agency": {"$nin": sorted(agencies)}} if agencies else {}


def _any_of(counts: Iterable[LawVersion]) -> Document:
    return {"$in": [str(count) for count in counts]}


def _revision_id(rule_set: str, revision: int) -> str:
    return f"{rule_set}/{revision}"


async def _insert_once(collection: Collection, id: str, values: Document) -> None:
    # Another instance may write the same at this moment, and then the first to come has said it.
    with contextlib.suppress(DuplicateKeyError):
        await collection.update_one({"_id": id}, {"$setOnInsert": values}, upsert=True)


def read_case(document: Document) -> Case:
    """The domain's case in a document."""
    return Case.model_validate(document)


def write_case(case: Case) -> Document:
    """The document's fields of a case, with what it is looked up by."""
    return case.model_dump() | {
        "next_fire_at": case.next_fire_at or NEVER,
        "running": case.running,
        "counted_by": case.counted_by,
    }
