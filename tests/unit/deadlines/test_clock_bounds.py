"""The clocks of the longest case that routing lets through fit into a document many times over."""

from datetime import timedelta
from typing import Any

import bson

import schemas
from pakn.engine.case_store import history_entry
from schemas import Fact
from services.deadlines.clocks import decide
from services.deadlines.clocks.clock import Case
from services.deadlines.store import write_case
from services.routing.bounds import ACTS_FOR_THE_END, MOST_ACTS
from tests.support.clock_story import COMMON, LAW, at

DATABASE_LIMIT = 16 * 1024 * 1024


def test_the_clocks_of_a_case_that_is_transferred_until_it_is_full_stay_small() -> None:
    """Each transfer closes clocks and opens others, with facts of their own."""
    case: Case | None = None
    facts: list[Fact] = []
    start = at("2026-03-02")
    matter: dict[str, Any] = {"category": "khac", "reason": "x", "rule": "x", "table_version": "1"}
    for number in range(MOST_ACTS + ACTS_FOR_THE_END):
        now = start + timedelta(hours=number)
        agencies = ("gia-lai", "da-nang")
        event = schemas.FeedbackAssigned(
            **COMMON,
            **matter,
            agency=agencies[number % 2],
            previous_agency=agencies[1 - number % 2] if number else None,
            submitted_at=start,
            assigned_at=now,
        )
        case, more = decide.apply_event(LAW, case, event, f"e{number}", 0)
        facts += more
    assert case is not None
    case, steps = decide.advance(LAW, case, at("2027-06-01"))
    facts += [step.fact for step in steps]
    assert len(case.clocks) > MOST_ACTS, "clocks did open anew"
    document = write_case(case) | {"_id": "x", "history": [history_entry(fact.cause, [fact]) for fact in facts]}
    assert len(bson.encode(document)) < DATABASE_LIMIT / 4
