"""Routing's documents: one case a feedback. Uses only what PyMongo's async driver and Motor share."""

from pakn.engine.case_store import CaseStore
from pakn.engine.mongo import Database


class RoutingStore:
    """One database with the collection `cases`."""

    def __init__(self, database: Database) -> None:
        self.cases = CaseStore(database["cases"])

    async def prepare(self) -> None:
        """Create the indexes that are missing."""
        await self.cases.collection.create_index([("state", 1), ("agency", 1)])

    async def count_by_state(self, states: tuple[str, ...]) -> dict[str, int]:
        """How many cases are in each of these states."""
        return {state: await self.cases.collection.count_documents({"state": state}) for state in states}
