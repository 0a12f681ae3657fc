"""How a service that keeps cases handles a batch: load, a pure decision per event, one guarded bulk write.

A decision that was made before stands in the case's history: its facts come again with the same ids.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Generic, TypeVar

from pakn.engine.case_store import CaseStore, Change, history_entry, recorded_causes
from pakn.engine.mongo import Document
from pakn.engine.received import Outcome, Received
from pakn.errors import GiveUp, TryAgain, describe
from pakn.logs import logger
from schemas import Fact

log = logger(__name__)
_CONFLICT_ROUNDS = 8

CaseT = TypeVar("CaseT")
Decide = Callable[[CaseT | None, Received], tuple[CaseT | None, list[Fact]]]


def _none(_case: object) -> list[Fact]:
    return []


@dataclass(frozen=True)
class CaseHandler(Generic[CaseT]):
    """Load the batch's cases, decide each event in order, save in one bulk, redo what met another writer.

    Large cases are taken a few at a time.

    `cause_id` names an event uniquely in the whole system, also where its sender chose the id. `standing` gives the facts that
    are made of the case as it stands, and stand in no history, since what they say can be erased. They are published when they
    are new, and again when their cause comes again.
    """

    store: CaseStore
    decide: Decide[CaseT]
    read: Callable[[Document], CaseT]
    write: Callable[[CaseT], Document]
    case_id: Callable[[Received], str] = attrgetter("envelope.subject")
    cause_id: Callable[[Received], str] = attrgetter("envelope.id")
    standing: Callable[[CaseT], list[Fact]] = _none

    async def handle(self, batch: Sequence[Received]) -> Outcome:
        """Raises TryAgain when other writers were faster eight times in a row, and where a decision has to wait."""
        outcome = Outcome()
        waiting: dict[str, list[Received]] = defaultdict(list)
        for received in batch:
            waiting[self.case_id(received)].append(received)
        for _ in range(_CONFLICT_ROUNDS):
            for group in await self.store.groups(waiting):
                for case_id, part in (await self._handle({case_id: waiting[case_id] for case_id in group})).items():
                    del waiting[case_id]
                    outcome.facts += part.facts
                    outcome.given_up += part.given_up
                    outcome.repeated += part.repeated
            if not waiting:
                return outcome
        raise TryAgain(f"{len(waiting)} cases were changed by another instance {_CONFLICT_ROUNDS} times in a row")

    async def _handle(self, events: Mapping[str, Sequence[Received]]) -> dict[str, Outcome]:
        """What became of these cases, without those that met another writer."""
        documents = await self.store.load(events)
        again = {
            case_id: recorded_causes(document) & {self.cause_id(received) for received in events[case_id]}
            for case_id, document in documents.items()
        }
        known = await self.store.recorded(again)
        decided = {case_id: self.decide_case(case_id, documents.get(case_id), rows, known) for case_id, rows in events.items()}
        conflicts = await self.store.save([change for change, _ in decided.values() if change is not None])
        return {case_id: part for case_id, (_, part) in decided.items() if case_id not in conflicts}

    def decide_case(
        self, case_id: str, document: Document | None, events: Sequence[Received], recorded: Mapping[str, list[Fact]]
    ) -> tuple[Change | None, Outcome]:
        """What becomes of a case by these events, in order; none if nothing of it is to be written. Pure.

        `recorded` has the facts of those that were handled before, by cause.
        """
        outcome = Outcome()
        before = case = self.read(document) if document else None
        entries: list[Document] = []
        refusals: list[Document] = []
        again: set[str] = set()
        handled = {**recorded}
        for received in events:
            cause = self.cause_id(received)
            if cause in handled:
                outcome.facts += handled[cause]
                outcome.repeated += 1
                again.add(cause)
                continue
            former = case
            try:
                case, facts = self.decide(case, received)
            except TryAgain:
                raise
            except GiveUp as reason:
                outcome.given_up.append((received, reason))
            except Exception as error:  # A pure decision fails the same way each time: no repetition mends it.
                log.exception("decision_failed", event_id=cause, type=received.envelope.name)
                outcome.given_up.append((received, GiveUp("unexpected", describe(error))))
            else:
                outcome.facts += facts
                # Record every event that changed the case: replayed later, it could undo a newer decision. Record refusals too,
                # so that a repetition gets the same answer, but only the newest, apart from what the case itself needs.
                if case != former or facts:
                    (entries if case != former else refusals).append(history_entry(cause, facts))
                    handled[cause] = facts
        if case is not None and (again or case != before):
            former_ids = {fact.id for fact in self.standing(before)} if before is not None else set()
            outcome.facts += [fact for fact in self.standing(case) if fact.cause in again or fact.id not in former_ids]
        if case is None or (case == before and not entries and not refusals):
            return None, outcome
        version = document["version"] if document else 0
        return Change(case_id, version, self.write(case), entries, refusals), outcome
