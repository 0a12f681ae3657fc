"""Corrections of the calendar and of rule sets: what moves, what is told, what is taken back, and what stays as it was.

What a lawyer would tell of them stands in `scenarios/`.
"""

from datetime import date, datetime

import pytest

from pakn.errors import TryAgain
from services.deadlines.clocks import decide
from services.deadlines.law.known import Law
from tests.support.clock_story import LAW, Story, at, corrected, data, ending, names, with_calendar, with_days, with_days_off

SENT = "2026-03-02"  # the reply is due at the end of 23 March
SWAP = with_days_off(LAW, "2026-09-z1", "2026-03-20")
day = date.fromisoformat


def test_a_swap_announced_days_before_moves_the_deadline_and_says_so() -> None:
    story = Story(at(SENT))
    facts = story.correct(SWAP, at("2026-03-12"))
    assert names(facts) == ["DeadlineMoved handle_reply"], "the short limits end before the new day off"
    moved = data(facts, "DeadlineMoved", "handle_reply")
    assert (moved.previous_due_date, moved.due_date, moved.nearer) == (date(2026, 3, 23), date(2026, 3, 24), False)
    assert (moved.because, moved.previous_calendar_version, moved.calendar_version) == (
        "calendar", LAW.days.calendar.version, "2026-09-z1",
    )  # fmt: skip
    assert [(day.date.isoformat(), day.name) for day in moved.count.unusual] == [("2026-03-20", "Nghỉ thêm")]
    assert facts[0].topics == ("feedback", "assignments.gia-lai")
    before = story.case
    assert (story.correct(SWAP, at("2026-03-13")), story.case) == ([], before), "correcting twice changes nothing"


def test_an_instance_with_an_older_calendar_or_revision_moves_nothing_back() -> None:
    """Two instances run for a while with two calendars during an upgrade, and must not move clocks to and fro."""
    story = Story(at(SENT), law=SWAP)
    before = story.clock("handle_reply")
    assert story.correct(LAW, at("2026-03-12")) == []
    assert story.clock("handle_reply") == before
    story = Story(at(SENT), law=corrected(LAW, n=10))
    story.correct(SWAP, at("2026-03-12"))
    assert (story.clock("handle_reply").count.limit, story.clock("handle_reply").revision) == (10, 2)


def test_what_only_a_newer_instance_knows_yet_is_left_to_it_and_no_event_is_given_up() -> None:
    story = Story(at("2026-08-03"))
    assert story.case is not None
    assert story.clock("handle_reply").rule_set == LAW.pack.rule_sets[1].id
    older = Law.of(LAW.pack.model_copy(update={"rule_sets": LAW.pack.rule_sets[:1]}))
    assert decide.advance(older, story.case, at("2026-08-03", 12)) == (story.case, [])
    for law in (older, with_days_off(LAW, "2026-08-another")):
        with pytest.raises(TryAgain, match="not known here yet"):
            decide.advance(law, story.case, at("2026-08-05"))


def test_a_corrected_limit_moves_open_clocks_and_warns_of_less_time() -> None:
    story = Story(at(SENT))
    moved = data(story.correct(corrected(LAW, n=10), at("2026-03-05")), "DeadlineMoved", "handle_reply")
    assert (moved.due_date, moved.nearer) == (date(2026, 3, 16), True)
    assert (moved.because, moved.count.limit, moved.revision) == ("rule_set", 10, 2)


def test_a_limit_moved_into_the_past_is_overdue_at_once() -> None:
    story = Story(at(SENT))
    story.correct(corrected(LAW, n=5), at("2026-03-13"))
    overdue = next(fact for fact in story.facts if fact.name == "FeedbackOverdue")
    assert (overdue.time, story.clock("handle_reply").due_date) == (at("2026-03-13"), "2026-03-09"), "known since the correction"
    assert story.wait(at("2026-03-18")) == ["handle_reply progress 1 2026-03-17"]


def test_a_warning_whose_day_is_past_by_the_correction_comes_at_once() -> None:
    exchanged = with_days(LAW.days.calendar, "2026-08", [day("2026-03-20")], {day("2026-03-21"): day("2026-03-20")})
    story = Story(at(SENT), law=with_calendar(LAW, exchanged))
    story.wait(at("2026-03-20"))
    story.correct(LAW, at("2026-03-20", 12))
    warnings = [fact for fact in story.facts if fact.name == "DeadlineWarning" and '"days_before":1' in fact.data]
    assert at("2026-03-20", 12) in [fact.time for fact in warnings], "the exchange is called off, and Friday is the day before"


def test_what_is_assigned_after_a_correction_is_counted_by_it_from_the_day_it_was_sent() -> None:
    before = Story(at(SENT))
    before.learn(SWAP, at("2026-03-10"))
    story = Story(at(SENT), law=before.law, assigned=at("2026-03-12"))
    assert story.clock("handle_reply").due_date == "2026-03-24"
    story.advance(at("2026-03-12", 12))
    assert "DeadlineMoved" not in {fact.name for fact in story.facts}


def test_of_calendars_that_hold_from_one_instant_on_a_clock_is_counted_by_the_latest_alone() -> None:
    story = Story(at(SENT))
    for law in (SWAP, with_days_off(LAW, "2026-09-z2", "2026-03-19", "2026-03-20")):
        story.learn(law, at("2026-03-12"))
    moved = [step.fact for step in story.advance(at("2026-03-12")) if step.rung is None and step.rule == "handle_reply"]
    assert data(moved, "DeadlineMoved", "handle_reply").due_date == day("2026-03-25")


def test_a_calendar_and_a_limit_that_hold_from_one_instant_on_are_one_move_and_no_overdue_between_them() -> None:
    """With the shorter limit alone it would be overdue since the 16th; with the days off that come with it, it is not."""
    story = Story(at(SENT))
    days_off = [f"2026-03-{number:02}" for number in range(9, 13)]
    facts = story.correct(with_days_off(corrected(LAW, n=10), "2026-09-z1", *days_off), at("2026-03-18"))
    assert names([fact for fact in facts if b"handle_reply" in fact.data.encode()]) == ["DeadlineMoved handle_reply"]
    moved = data(facts, "DeadlineMoved", "handle_reply")
    assert (moved.due_date, moved.because, moved.count.limit) == (day("2026-03-20"), "rule_set", 10)


@pytest.mark.parametrize(
    ("law", "answered", "late"),
    [(corrected(LAW, n=10), at("2026-03-23", 23), False), (with_days_off(LAW, "2026-09-z1", "2026-03-20"), at("2026-03-24"), True)],
    ids=["nearer", "later"],
)
def test_an_answer_that_is_handled_after_a_later_correction_is_judged_as_if_it_had_been_handled_in_order(
    law: Law, answered: datetime, late: bool
) -> None:
    met = []
    for order in (1, -1):
        story = Story(at(SENT))
        doings = [lambda s: s.reply(answered), lambda s: s.correct(law, at("2026-03-26")) and []]
        facts = [fact for do in doings[::order] for fact in do(story)]
        met.append(data(facts, "met", "handle_reply"))
    assert [(event.late, event.due_at) for event in met] == [(late, at("2026-03-24", 0))] * 2


def test_an_overdue_fired_by_an_instance_that_had_not_heard_of_the_correction_is_taken_back() -> None:
    story = Story(at(SENT))
    story.wait(at("2026-03-24"))
    assert story.clock("handle_reply").overdue
    story.learn(SWAP, at("2026-03-23", 12))
    steps = story.advance(at("2026-03-24", 1))
    assert [(step.fact.name, step.fact.time) for step in steps if step.rule == "handle_reply"] == [
        ("DeadlineMoved", at("2026-03-24", 0)), ("OverdueWithdrawn", at("2026-03-24", 0)),
    ]  # fmt: skip
    assert story.wait(at("2026-03-25", 0)) == ["handle_reply overdue 0 2026-03-25"]


def test_a_calendar_that_ends_too_early_leaves_clocks_as_they_are_and_holds_up_no_other_and_no_later_one() -> None:
    story = Story(at("2026-12-21"))
    due = story.clock("handle_reply").due_date
    assert due > "2027"
    story.accept(at("2026-12-21", 10))
    story.correct(ending(with_days_off(LAW, "-", "2026-12-23"), 2026, "2026-09-z1"), at("2026-12-22"))
    assert (story.clock("handle_reply").due_date, story.clock("handle_reply").calendar_version) == (due, LAW.days.calendar.version)
    assert story.clock("transfer_out").calendar_version == "2026-09-z1", "its days are all known"
    story.reply(at("2026-12-28"))
    set_again = data(story.send_back(at("2026-12-29")), "set", "handle_reply")
    assert set_again.due_date.isoformat() == due, "nothing is guessed, and nothing is lost"
    story.correct(with_days_off(LAW, "2026-09-z2", "2026-12-30"), at("2026-12-29", 12))
    assert story.clock("handle_reply").due_date > due
