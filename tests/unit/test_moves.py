"""Corrections of the calendar and of rule sets: what moves, what is told, what is taken back, and what stays as it was."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

import schemas
from schemas import Fact, parse_envelope
from services.deadlines.clocks import Law
from services.deadlines.replay import READ, Replay
from tests.clock_story import LAW, Story, at, data, with_days_off

SENT = "2026-03-02"  # the reply is due at the end of 23 March
SWAP = with_days_off(LAW, "2026-09-z1", "2026-03-20")


def corrected(law: Law, **values: object) -> Law:
    """The same law with a corrected limit for the reply in every rule set."""
    rule_sets = []
    for rule_set in law.pack.rule_sets:
        rule = rule_set.rules["handle_reply"]
        changed = rule.model_copy(update={"limit": rule.limit.model_copy(update=values)})
        rules = {**rule_set.rules, "handle_reply": changed}
        rule_sets.append(rule_set.model_copy(update={"rules": rules, "revision": rule_set.revision + 1}))
    return Law(law.pack.model_copy(update={"rule_sets": tuple(rule_sets)}), law.days)


def told(facts: list[Fact]) -> list[str]:
    return sorted(f"{fact.name} {schemas.READERS[fact.name].validate_json(fact.data).rule}" for fact in facts)  # type: ignore[attr-defined]


def test_a_swap_announced_days_before_moves_the_deadline_and_says_so() -> None:
    story = Story(at(SENT))
    facts = story.correct(SWAP, at("2026-03-12"))
    assert told(facts) == ["DeadlineMoved handle_reply"], "the short limits end before the new day off"
    moved = data(facts, "DeadlineMoved", "handle_reply")
    assert (moved.previous_due_date, moved.due_date, moved.nearer) == (date(2026, 3, 23), date(2026, 3, 24), False)
    assert (moved.reason, moved.previous_calendar_version, moved.calendar_version) == (
        "calendar", LAW.days.calendar.version, "2026-09-z1",
    )  # fmt: skip
    assert "20/03 Nghỉ thêm" in moved.explanation
    assert facts[0].topics == ("feedback", "assignments.gia-lai")
    assert [line for line in story.wait(at("2026-03-25")) if "handle_reply" in line] == [
        "handle_reply warning 3 2026-03-18",
        "handle_reply warning 1 2026-03-23",
        "handle_reply overdue 0 2026-03-25",
    ]


def test_correcting_twice_changes_nothing() -> None:
    story = Story(at(SENT))
    story.correct(SWAP, at("2026-03-12"))
    before = story.case
    assert story.correct(SWAP, at("2026-03-13")) == []
    assert story.case == before


def test_a_calendar_older_than_the_count_moves_nothing_back() -> None:
    """Two instances run for a while with two calendars during an upgrade, and must not move clocks to and fro."""
    story = Story(at(SENT), law=SWAP)
    before = story.case
    assert story.correct(LAW, at("2026-03-12")) == []
    assert story.case == before


def test_a_rule_set_that_only_a_newer_instance_knows_is_left_to_it() -> None:
    older = Law(LAW.pack.model_copy(update={"rule_sets": LAW.pack.rule_sets[:1]}), SWAP.days)
    story = Story(at("2026-08-03"))
    assert story.clock("handle_reply").rule_set == LAW.pack.rule_sets[1].id
    assert not older.is_outdated(story.clock("handle_reply").count, date(2026, 8, 4))
    assert SWAP.is_outdated(story.clock("handle_reply").count, date(2026, 8, 4))


def test_an_overdue_that_no_longer_holds_is_taken_back_and_may_come_again_as_another() -> None:
    story = Story(at(SENT))
    story.wait(at("2026-03-24"))
    facts = story.correct(SWAP, at("2026-03-24", 10))
    assert {"DeadlineMoved handle_reply", "OverdueWithdrawn handle_reply"} <= set(told(facts))
    assert not story.clock("handle_reply").overdue
    assert story.wait(at("2026-03-25")) == ["handle_reply overdue 0 2026-03-25"]
    overdue = [fact for fact in story.facts if fact.name == "FeedbackOverdue"]
    assert len(overdue) == len({fact.id for fact in overdue}) == 2


def test_an_overdue_that_still_holds_stays() -> None:
    story = Story(at(SENT))
    story.wait(at("2026-03-27"))
    facts = story.correct(SWAP, at("2026-03-27", 10))
    assert "OverdueWithdrawn handle_reply" not in told(facts)
    assert story.clock("handle_reply").overdue
    assert story.wait(at("2026-04-08")) == ["handle_reply progress 1 2026-04-01", "handle_reply progress 2 2026-04-08"]


def test_a_clock_that_is_closed_stays_as_it_was_counted() -> None:
    story = Story(at(SENT))
    story.reply(at("2026-03-10"))
    before = story.clock("handle_reply")
    story.correct(SWAP, at("2026-03-12"))
    assert story.clock("handle_reply") == before
    assert story.clock("handle_reply").due_date == "2026-03-23"


def test_a_reply_sent_back_comes_back_with_the_due_date_of_the_calendar_now() -> None:
    story = Story(at(SENT))
    story.reply(at("2026-03-10"))
    story.correct(SWAP, at("2026-03-12"))
    set_again = data(story.send_back(at("2026-03-13")), "DeadlineSet", "handle_reply")
    assert (set_again.due_date, set_again.calendar_version) == (date(2026, 3, 24), "2026-09-z1")


def test_a_reply_sent_back_that_is_in_time_by_the_new_calendar_takes_its_overdue_back() -> None:
    story = Story(at(SENT))
    story.wait(at("2026-03-24"))
    story.reply(at("2026-03-24"))
    story.correct(SWAP, at("2026-03-24", 10))
    sent_back = story.send_back(at("2026-03-24", 15))
    assert "OverdueWithdrawn handle_reply" in told(sent_back)
    result = Replay(at("2027-01-01"))
    for fact in story.facts:
        if fact.name in READ:
            headers = [(name, value.encode()) for name, value in fact.headers().items()]
            result.take(parse_envelope(headers), schemas.READERS[fact.name].validate_json(fact.data))
    clock = story.clock("handle_reply")
    assert (result.clocks[clock.id].overdue, result.clocks[clock.id].state) == (clock.overdue, clock.state) == (False, "open")


def test_an_instance_with_an_older_revision_moves_nothing_back_whatever_calendar_comes() -> None:
    newer = corrected(LAW, n=10)
    story = Story(at(SENT), law=newer)
    assert not SWAP.is_outdated(story.clock("handle_reply").count, date(2026, 3, 12))
    assert Law(newer.pack, SWAP.days).is_outdated(story.clock("handle_reply").count, date(2026, 3, 12))


def test_a_corrected_limit_moves_open_clocks_and_warns_of_less_time() -> None:
    story = Story(at(SENT))
    moved = data(story.correct(corrected(LAW, n=10), at("2026-03-05")), "DeadlineMoved", "handle_reply")
    assert (moved.due_date, moved.nearer, moved.reason, moved.limit, moved.revision) == (date(2026, 3, 16), True, "rule_set", 10, 2)


def test_a_limit_moved_into_the_past_is_overdue_at_once() -> None:
    story = Story(at(SENT))
    story.correct(corrected(LAW, n=5), at("2026-03-13"))
    assert "handle_reply overdue 0 2026-03-10" in story.wait(at("2026-03-13", 10))


@pytest.mark.parametrize(("open_clocks", "limit"), [("keep", 15), ("move", 8)])
def test_the_transitional_rule_of_a_set_decides_on_clocks_that_run_when_it_comes(open_clocks: str, limit: int) -> None:
    old, new = LAW.pack.rule_sets
    rule = new.rules["handle_reply"]
    rules = {**new.rules, "handle_reply": rule.model_copy(update={"limit": rule.limit.model_copy(update={"n": 8})})}
    later = new.model_copy(update={"rules": rules, "open_clocks": open_clocks})
    law = Law(LAW.pack.model_copy(update={"rule_sets": (old, later)}), LAW.days)
    story = Story(at("2026-07-15"), law=law)
    assert story.correct(law, at("2026-07-19")) == [], "not before the day it comes into force"
    story.correct(law, at("2026-07-20"))
    assert (story.clock("handle_reply").limit, story.clock("handle_reply").rule_set) == (
        limit, new.id if open_clocks == "move" else old.id,
    )  # fmt: skip


DAYS = st.dates(date(2026, 3, 1), date(2026, 6, 30))


@given(sent=DAYS, off=st.sets(DAYS, max_size=6), after=st.integers(0, 60))
def test_there_and_back_restores_every_due_date(sent: date, off: set[date], after: int) -> None:
    weekdays = sorted(day.isoformat() for day in off if LAW.days.is_working_day(day))
    there, back = with_days_off(LAW, "2026-09-z1", *weekdays), with_days_off(LAW, "2026-09-z2")
    now = at((sent + timedelta(days=after)).isoformat(), 12)
    story = Story(at(sent.isoformat()))
    story.wait(now)
    assert story.case is not None
    before = [(clock.id, clock.due_at, clock.overdue) for clock in story.case.clocks]
    story.correct(there, now)
    moved = {clock.id: clock.due_at for clock in story.case.clocks}
    assert all(moved[id] >= due_at for id, due_at, _ in before), "more days off never bring a deadline nearer"
    story.correct(back, now)
    story.wait(now)
    assert [(clock.id, clock.due_at, clock.overdue) for clock in story.case.clocks] == before


@given(sent=DAYS, off=st.sets(DAYS, min_size=1, max_size=6), steps=st.lists(st.integers(0, 25), min_size=1, max_size=6))
def test_no_rung_fires_twice_and_none_before_its_time_whenever_the_calendar_changes(
    sent: date, off: set[date], steps: list[int]
) -> None:
    weekdays = [day.isoformat() for day in sorted(off) if LAW.days.is_working_day(day)]
    story, now = Story(at(sent.isoformat())), at(sent.isoformat())
    for number, step in enumerate(steps):
        now += timedelta(days=step)
        story.wait(now)
        story.correct(with_days_off(LAW, f"2026-09-z{number}", *weekdays[: number + 1]), now)
    story.wait(now + timedelta(days=60))
    fired = [fact for fact in story.facts if fact.name in ("DeadlineWarning", "FeedbackOverdue")]
    assert len({fact.id for fact in fired}) == len(fired)
    assert story.clock("handle_reply").overdue
    withdrawn = sum(fact.name == "OverdueWithdrawn" for fact in story.facts)
    overdue = [schemas.FeedbackOverdue.model_validate_json(fact.data) for fact in fired if fact.name == "FeedbackOverdue"]
    assert sum(event.rule == "handle_reply" and event.times == 0 for event in overdue) <= withdrawn + 1
