"""What the law was known to be at an instant: which calendar, which revision of which rule set, and what takes clocks over."""

from datetime import date, datetime, timedelta

import pytest

from pakn.packs.models import RuleSet
from services.deadlines.law.known import Law, LawVersion, NoRuleSet
from tests.support.clock_story import LAW, Story, at, corrected, data, ending, with_days_off

OLD, NEW = LAW.pack.rule_sets
VERSION = LAW.days.calendar.version


def revised(rule_set: RuleSet, revision: int, **values: object) -> RuleSet:
    return rule_set.model_copy(update={"revision": revision, **values})


def begins(day: str) -> object:
    return NEW.effective.model_copy(update={"from_": date.fromisoformat(day)})


def law(*known: tuple[datetime, RuleSet]) -> Law:
    return Law.of(LAW.pack, LAW.calendars, known)


def test_a_rule_set_that_was_put_off_does_not_begin_on_its_former_day() -> None:
    """Its successor has not begun, so that the one before it goes on, whatever end an older image knows of it."""
    put_off = law(
        (at("2026-01-01"), OLD), (at("2026-01-01"), NEW), (at("2026-07-10"), revised(NEW, 2, effective=begins("2026-09-01")))
    )
    assert put_off.rule_set_on(date(2026, 8, 3), at("2026-08-03")) == OLD
    assert put_off.rule_set_on(date(2026, 9, 1), at("2026-09-01")).revision == 2
    assert put_off.rule_set_on(date(2026, 7, 20), at("2026-07-01")) == NEW, "so it was known on the first of July"


def test_a_rule_set_that_was_brought_forward_counts_in_its_latest_revision() -> None:
    forward = law(
        (at("2026-01-01"), OLD), (at("2026-01-01"), NEW), (at("2026-06-01"), revised(NEW, 2, effective=begins("2026-07-01")))
    )
    assert forward.rule_set_on(date(2026, 8, 3), at("2026-08-03")).revision == 2
    assert forward.rule_set_on(date(2026, 7, 2), at("2026-07-02")).revision == 2


def test_the_end_of_the_last_rule_set_is_an_end_and_days_before_the_first_have_none() -> None:
    ended = law((at("2020-01-01"), OLD))
    assert ended.rule_set_on(OLD.effective.to or date.max, at("2026-07-01")) == OLD
    for day in (date(2026, 7, 20), date(2021, 12, 8)):
        with pytest.raises(NoRuleSet):
            ended.rule_set_on(day, at("2026-07-01"))


def test_what_is_known_only_later_is_taken_for_a_day_of_which_nothing_was_known() -> None:
    assert law((at("2026-07-25"), NEW)).rule_set_on(date(2026, 7, 21), at("2026-07-21")) == NEW


def test_a_transitional_rule_that_was_corrected_before_its_day_moves_no_clock() -> None:
    moving, keeping = revised(NEW, 2, open_clocks="move"), revised(NEW, 3)
    story = Story(at("2026-07-15"), law=law((at("2026-01-01"), OLD), (at("2026-07-01"), moving), (at("2026-07-10"), keeping)))
    story.advance(at("2026-07-25"))
    assert story.clock("handle_reply").rule_set == OLD.id


def test_a_limit_that_is_corrected_after_a_take_over_does_not_put_the_take_over_off() -> None:
    moving = revised(corrected(LAW, n=8).pack.rule_sets[1], 2, open_clocks="move")
    known = [(at("2026-01-01"), OLD), (at("2026-07-01"), moving), (at("2026-07-27"), revised(moving, 3))]
    story = Story(at("2026-07-15"), law=law(*known))
    story.advance(at("2026-07-21"))
    assert (story.clock("handle_reply").rule_set, story.clock("handle_reply").count.limit) == (NEW.id, 8)


def test_every_count_that_is_outdated_is_listed_and_no_other() -> None:
    later = with_days_off(LAW, "2026-09-z1").days
    known = Law.of(LAW.pack, [*LAW.calendars, (at("2026-03-10"), later)], LAW.rule_sets)
    assert known.outdated(at("2026-03-09")) == []
    assert known.outdated(at("2026-03-10")) == [LawVersion(VERSION, NEW.id, 1), LawVersion(VERSION, OLD.id, 1)]
    assert known.unknown([LawVersion("2026-09-z1", OLD.id, 1), LawVersion("x", OLD.id, 1), LawVersion(VERSION, OLD.id, 2)]) == [
        f"2026-09|{OLD.id}|2", f"x|{OLD.id}|1",
    ]  # fmt: skip


def test_a_progress_duty_is_told_once_though_the_calendar_ended_after_it() -> None:
    story = Story(at("2026-11-02"), law=ending(LAW, 2026))
    story.wait(at("2026-12-31", 23) + timedelta(hours=1))
    (*_, last) = [fact for fact in story.facts if fact.name == "FeedbackOverdue"]
    assert story.clock("handle_reply").next_rung is None, "the calendar ends"
    story.correct(with_days_off(LAW, "2026-09-z1", "2026-12-28"), at("2027-01-01", 9))
    story.wait(at("2027-02-01"))
    told = [(fact.id, fact.data) for fact in story.facts if fact.name == "FeedbackOverdue"]
    assert len({id for id, _ in told}) == len(told) > [id for id, _ in told].index(last.id) + 1, "they go on, each once"


@pytest.mark.parametrize(("open_clocks", "limit"), [("keep", 15), ("move", 8)])
def test_the_transitional_rule_of_a_set_decides_on_clocks_that_run_when_it_comes(open_clocks: str, limit: int) -> None:
    later = revised(corrected(LAW, n=8).pack.rule_sets[1], 1, open_clocks=open_clocks)
    law = Law.of(LAW.pack.model_copy(update={"rule_sets": (OLD, later)}))
    story = Story(at("2026-07-15"), law=law)
    assert story.correct(law, at("2026-07-19")) == [], "not before the day it comes into force"
    assert story.clock("handle_reply").rule_set == OLD.id
    story.correct(law, at("2026-07-20"))
    taken = (limit, NEW.id if open_clocks == "move" else OLD.id)
    assert (story.clock("handle_reply").count.limit, story.clock("handle_reply").rule_set) == taken


def test_a_clock_that_is_taken_over_is_told_of_even_if_its_day_stays() -> None:
    moving = revised(NEW, 1, open_clocks="move")
    story = Story(at("2026-07-15"), law=Law.of(LAW.pack.model_copy(update={"rule_sets": (OLD, moving)})))
    told_of = [step.fact for step in story.advance(at("2026-07-20")) if step.rung is None]
    moved = data(told_of, "DeadlineMoved", "handle_reply")
    assert (moved.rule_set, moved.previous_rule_set) == (NEW.id, OLD.id)
    assert (moved.due_date, moved.because) == (moved.previous_due_date, "rule_set")


def test_a_rule_set_that_becomes_known_after_its_first_day_counts_what_started_under_it() -> None:
    """Its image came some days late: who sent on its first day has its limit, who sent the day before does not."""
    open_ended = OLD.model_copy(update={"effective": OLD.effective.model_copy(update={"to": None})})
    _, new = corrected(LAW, n=8).pack.rule_sets
    known = Law.of(LAW.pack.model_copy(update={"rule_sets": (open_ended, new)}))
    for sent, rule_set, limit in (("2026-07-19", OLD.id, 15), ("2026-07-20", NEW.id, 8)):
        story = Story(at(sent), law=law((at("2021-12-09"), open_ended)))
        story.correct(known, at("2026-07-24"))
        assert (story.clock("handle_reply").rule_set, story.clock("handle_reply").count.limit) == (rule_set, limit)


def test_a_rule_set_that_becomes_known_after_its_first_day_takes_clocks_over_from_then_on() -> None:
    _, new = corrected(LAW, n=8).pack.rule_sets
    story = Story(at("2026-07-15"))
    late = LAW.pack.model_copy(update={"rule_sets": (LAW.pack.rule_sets[0], new.model_copy(update={"open_clocks": "move"}))})
    moved = data(story.correct(Law.of(late), at("2026-07-24")), "DeadlineMoved", "handle_reply")
    assert (moved.moved_at, moved.due_date, moved.rule_set) == (at("2026-07-24"), date.fromisoformat("2026-07-27"), new.id)
