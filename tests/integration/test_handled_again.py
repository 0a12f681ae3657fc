"""Events that come again after a kill between saving and committing, through the real handlers and stores, by both drivers."""

from datetime import datetime, timedelta
from typing import Any
from unittest.mock import Mock

import schemas
from pakn.engine import mongo
from pakn.engine.case_handler import CaseHandler
from pakn.engine.turn import Received
from schemas import AgencyAction, Envelope
from schemas.topics import TopicName
from services.deadlines.clocks import decide
from services.deadlines.clocks.clock import Case
from services.deadlines.store import DeadlinesStore, read_case, write_case
from services.routing.decisions import Decisions
from tests.support.clock_story import COMMON, FEEDBACK_ID, LAW, at, ending
from tests.support.mail_world import HandTime
from tests.support.packs import VN


def received(event: Any, id: str, when: datetime, topic: str = "feedback") -> Received:
    name = type(event).__name__
    envelope = Envelope(id, f"pakn.{name}.v1", name, "/test", when, FEEDBACK_ID, "")
    return Received(envelope, event, TopicName.parse(f"t.{topic}"), 0, 0, when, Mock())


def assigned(when: datetime, agency: str, previous: str | None = None) -> schemas.FeedbackAssigned:
    matter = {"category": "khac", "title": "t", "content": "c", "submitted_at": at("2026-12-21"), "assigned_at": when}
    rest = {"agency": agency, "previous_agency": previous, "rule": "r", "table_version": "1", "reason": "r"}
    return schemas.FeedbackAssigned.model_validate(COMMON | matter | rest)


async def test_what_has_changed_only_clocks_that_nobody_was_told_of_changes_nothing_when_it_comes_again(
    database: mongo.Database,
) -> None:
    """In the last days of a calendar a transfer may open clocks without telling of any; again, it would have cancelled them."""
    law, store = ending(LAW, 2026), DeadlinesStore(database)

    def decided(case: Case | None, row: Received) -> tuple[Case | None, list[schemas.Fact]]:
        return decide.apply_event(law, case, row.event, row.envelope.id, 0)

    handler = CaseHandler(store.cases, decided, read_case, write_case)
    sent, taken, moved = at("2026-12-21"), at("2026-12-28"), at("2026-12-29")
    accepted = schemas.FeedbackAccepted(**COMMON, agency="gia-lai", actor="a", accepted_at=taken)
    transferred = schemas.FeedbackTransferred(
        **COMMON, agency="gia-lai", to_agency="hue", actor="a", reason="r", transferred_at=moved
    )
    await handler.handle([received(assigned(sent, "gia-lai"), "e-1", sent), received(accepted, "e-2", taken)])
    batch = [received(transferred, "e-3", moved), received(assigned(moved, "hue", "gia-lai"), "e-4", moved)]
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
    fields = {"feedback_id": FEEDBACK_ID, "code": COMMON["code"], "channel": "web", "category": "khac", "language": "vi"}
    matter = {"title": "Đường hỏng", "content": "Ổ gà", "province": "gia-lai", "submitted_at": now, "received_at": now}
    case, facts = decisions.decide(None, received(schemas.FeedbackSubmitted.model_validate(fields | matter), "e-1", now))
    assert case is not None
    agency, slower = case.agency, now - timedelta(seconds=2)
    action = AgencyAction.model_validate({"action": "accept", "feedback_id": FEEDBACK_ID, "actor": "cb1"})
    _, facts = decisions.decide(case, received(action, "a-1", slower, topic=f"actions.{agency}"))
    assert [(fact.name, fact.time) for fact in facts] == [("FeedbackAccepted", now)]
