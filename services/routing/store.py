"""Routing's documents: one case a feedback. Uses only what PyMongo's async driver and Motor share."""

from pakn.engine.case_store import CaseStore
from pakn.engine.mongo import Database, Document
from services.routing.case import Case, EarlyMatter


def read(document: Document) -> Case | EarlyMatter:
    """The case in a document, or what came before it."""
    return (Case if "feedback" in document else EarlyMatter).model_validate(document)


def write(case: Case | EarlyMatter) -> Document:
    """The fields of its document."""
    return case.model_dump()


class RoutingStore:
    """One database with the collection `cases`."""

    def __init__(self, database: Database) -> None:
        self.cases = CaseStore(database["cases"])

    async def prepare(self) -> None:
        """Create the indexes that are missing."""
        await self.cases.collection.create_index([("state", 1), ("agency", 1)])
        await self.cases.collection.create_index([("crowded", 1), ("state", 1)])

    async def count_by_state(self, states: tuple[str, ...]) -> dict[str, int]:
        """How many cases are in each of these states."""
        return {state: await self.cases.collection.count_documents({"state": state}) for state in states}

    async def crowded(self, states: tuple[str, ...], limit: int) -> tuple[int, list[str]]:
        """How many cases in these states have used half of what a case may hold, and the codes of some of them."""
        query = {"crowded": True, "state": {"$in": list(states)}}
        rows = await self.cases.collection.find(query, {"feedback.code": 1}).limit(limit).to_list(None)
        return await self.cases.collection.count_documents(query), sorted(row["feedback"]["code"] for row in rows)
