"""What time does to a case fills no document: calendars that are corrected thousands of times, and duties that never end."""

from datetime import timedelta
from typing import Any

import bson
import pytest

from pakn.engine.mongo import Document
from services.deadlines import bounds
from services.deadlines.clocks.clock import Clock
from services.deadlines.law.known import Law
from services.deadlines.store import read_case, write_case
from services.deadlines.timers.ticker import Ticker
from tests.support.clock_story import LAW, Story, at, with_days_off

MOST = 2 * 1024 * 1024
CORRECTIONS = 2_000


class Cases:
    """The database's one case, changed as its writes say."""

    def __init__(self, document: Document) -> None:
        self.document = document

    async def save(self, changes: list[Any]) -> set[str]:
        for change in changes:
            assert not change.refusals
            self.document = self.document | change.fields
            self.document["history"] = [*self.document["history"], *change.entries]
            self.document["timed"] = [*self.document.get("timed", ()), *change.timed][-change.most_timed :]
        return set()


class Known:
    """The law as it is known now, the store, and the machine's time: what a tick needs, and nothing that connects."""

    def __init__(self, document: Document) -> None:
        self.cases, self.law, self.published = Cases(document), LAW, 0

    def current(self) -> Law:
        return self.law

    async def publish(self, facts: list[Any]) -> None:
        self.published += len(facts)

    def now(self) -> Any:
        return at("2027-12-01")


async def test_thousands_of_calendars_leave_a_case_small_and_its_clock_right() -> None:
    """Each moved the last day, and its fact stayed in the case for ever: after some thousands no timer of it could be saved."""
    story = Story(at("2026-03-02"))
    known = Known(write_case(story.case) | {"_id": "x", "version": 1, "history": []})  # type: ignore[arg-type]
    ticker: Any = Ticker(known, known, known.publish, known, *[None] * 3, timedelta(0), 10)  # type: ignore[arg-type]
    for number in range(CORRECTIONS):
        now = at("2026-03-03") + timedelta(minutes=number)
        # Two laws suffice: that of the clock, and its correction.
        law = with_days_off(LAW, f"z{number:06d}", *["2026-03-20"] * (number % 2))
        former = known.law.days
        known.law = Law.of(LAW.pack, [(now - timedelta(minutes=1), former), (now, law.days)])
        await ticker._advance([known.cases.document], now)
    case = read_case(known.cases.document)
    reply = next(clock for clock in case.clocks if clock.rule == "handle_reply")
    assert known.published >= CORRECTIONS - 1
    assert (reply.due_date, reply.calendar_version) == ("2026-03-24", f"z{CORRECTIONS - 1:06d}")
    assert (len(reply.moved), len(known.cases.document["timed"])) == (bounds.MOST_MOVED, bounds.MOST_TIMED)
    assert known.cases.document["history"] == []
    assert len(bson.encode(known.cases.document)) < MOST


@pytest.mark.parametrize("moved", [0, bounds.MOST_MOVED + 10])
def test_a_late_answer_is_judged_by_the_last_day_that_was_known_then(moved: int) -> None:
    clock = Story(at("2026-03-02")).clock("handle_reply")
    day = timedelta(days=1)
    rows = tuple({"at": at("2026-03-03") + day * n, "due_at": at("2026-04-01") + day * n} for n in range(moved))
    kept = Clock.model_validate(clock.model_dump() | {"moved": rows[-bounds.MOST_MOVED :]})
    assert kept.due_by_what_was_known(at("2027-03-03")) == clock.due_at
    if moved:
        assert kept.due_by_what_was_known(rows[-1]["at"] - day / 2) == rows[-1]["due_at"]
        assert kept.due_by_what_was_known(at("2026-03-02")) == rows[10]["due_at"], "of those before, the oldest that is known"
