"""Events that come again after a kill between saving and committing, through the real handlers and stores, by both drivers."""

from datetime import timedelta

import schemas
from pakn.engine import mongo
from pakn.engine.case_handler import CaseHandler
from pakn.engine.received import Received
from schemas import AgencyAction
from services.deadlines.clocks import decide
from services.deadlines.clocks.clock import Case
from services.deadlines.store import DeadlinesStore, read_case, write_case
from services.routing.decisions import Decisions
from tests.support.clock_story import COMMON, FEEDBACK_ID, LAW, at, ending
from tests.support.examples import example
from tests.support.mail_world import HandTime, received
from tests.support.packs import VN


async def test_what_has_changed_only_clocks_that_nobody_was_told_of_changes_nothing_when_it_comes_again(
    database: mongo.Database,
) -> None:
    """In the last days of a calendar a transfer may open clocks without telling of any; again, it would have cancelled them."""
    law, store = ending(LAW, 2026), DeadlinesStore(database)

    def decided(case: Case | None, row: Received) -> tuple[Case | None, list[schemas.Fact]]:
        return decide.apply_event(law, case, row.event, row.envelope.id, 0)

    handler = CaseHandler(store.cases, decided, read_case, write_case)
    sent, taken, moved = at("2026-12-21"), at("2026-12-28"), at("2026-12-29")
    assigned = example("FeedbackAssigned", **COMMON, agency="gia-lai", submitted_at=sent, assigned_at=sent)
    accepted = example("FeedbackAccepted", **COMMON, agency="gia-lai", accepted_at=taken)
    transferred = example("FeedbackTransferred", **COMMON, agency="gia-lai", to_agency="hue", transferred_at=moved)
    to_hue = assigned.model_copy(update={"agency": "hue", "previous_agency": "gia-lai", "assigned_at": moved})
    await handler.handle([received(assigned, "e-1", sent), received(accepted, "e-2", taken)])
    batch = [received(transferred, "e-3", moved), received(to_hue, "e-4", moved)]
    first = await handler.handle(batch)
    before = await store.cases.load([FEEDBACK_ID])
    again = await handler.handle(batch)
    assert await store.cases.load([FEEDBACK_ID]) == before
    assert (again.facts, again.repeated) == (first.facts, 2)
    case = read_case(before[FEEDBACK_ID])
    assert [(clock.agency, clock.state) for clock in case.clocks if clock.rule == "handle_reply"] == [
        ("gia-lai", "cancelled"),
        ("hue", "open"),
    ]


async def test_an_action_that_a_slower_broker_dates_before_what_it_answers_comes_with_it() -> None:
    decisions, now = Decisions(VN, HandTime()), at("2026-03-05")
    submitted = example("FeedbackSubmitted", **COMMON, submitted_at=now, received_at=now)
    case, facts = decisions.decide(None, received(submitted, "e-1", now))
    assert case is not None
    agency, slower = case.agency, now - timedelta(seconds=2)
    action = AgencyAction.model_validate({"action": "accept", "feedback_id": FEEDBACK_ID, "actor": "cb1"})
    _, facts = decisions.decide(case, received(action, "a-1", slower, topic=f"actions.{agency}"))
    assert [(fact.name, fact.time) for fact in facts] == [("FeedbackAccepted", now)]
