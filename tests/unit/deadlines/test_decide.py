"""What an event does to the clocks of a case, where no scenario tells it: `scenarios/` has the whole stories."""

from datetime import date

import pytest

import schemas
from pakn.errors import GiveUp
from schemas import derived_id
from services.deadlines.clocks import decide
from tests.support.clock_story import COMMON, LAW, Story, at, data, names


def test_a_clock_says_on_which_law_and_on_which_days_it_stands() -> None:
    story = Story(at("2026-02-12"))
    told = data(story.facts, "set", "handle_reply")
    assert (told.rule_set, told.count.limit, told.count.unit, told.verified) == ("qd31-2021", 15, "working_days", False)
    assert told.calendar_version == LAW.days.calendar.version
    assert (told.count.started_on, told.due_date) == (date(2026, 2, 12), date(2026, 3, 12))
    assert date(2026, 2, 16) in {day.date for day in told.count.unusual}, "the days of Tết are named"


def test_one_event_is_one_fact_about_all_clocks_that_it_changes_and_its_id_follows_from_the_event_alone() -> None:
    """Each clock once had a fact of its own: fifteen records of a case said what six could."""
    story = Story(at("2026-03-02"))
    story.accept(at("2026-03-02", 10))
    (fact,) = story.reply(at("2026-03-04"))
    assert names([fact]) == ["cancelled transfer_out", "met handle_reply", "set publish"]
    assert (fact.id, fact.cause) == (derived_id("e-3", "DeadlinesChanged/"), "e-3")
    assert fact.topics == ("feedback", "assignments.gia-lai")
    event = schemas.DeadlinesChanged.model_validate_json(fact.data)
    assert (event.because, event.changed_at) == ("reply_ready", at("2026-03-04"))
    assert len(story.facts) == len({fact.cause for fact in story.facts}) == 3


def test_an_event_that_changes_no_clock_is_followed_by_no_fact() -> None:
    story = Story(at("2026-03-02"))
    story.accept(at("2026-03-02", 10))
    assert story.accept(at("2026-03-02", 11)) == []


def test_each_agency_is_told_of_its_own_clocks_and_of_no_others() -> None:
    """Where the transfer itself is a dead letter, the assignment that follows it ends clocks of one agency and sets the other's."""
    story = Story(at("2026-03-02"))
    all_of_them, former, new = story.assigned(at("2026-03-02", 10), "hue", "gia-lai")
    assert [fact.topics for fact in (all_of_them, former, new)] == [("feedback",), ("assignments.gia-lai",), ("assignments.hue",)]
    ended, begun = ([f"{kind} {rule}" for rule in ("handle_reply", "refuse", "request_more")] for kind in ("cancelled", "set"))
    assert (names([all_of_them]), names([former]), names([new])) == (ended + begun, ended, begun)
    assert all_of_them.id == derived_id("e-2", "DeadlinesChanged/")
    assert len({all_of_them.id, former.id, new.id}) == 3, "what tells other things is another fact"


def test_the_first_limits_count_from_the_sending_however_long_the_assignment_took() -> None:
    story = Story(at("2026-03-02"))
    late = Story(at("2026-03-02"), assigned=at("2026-03-05"))
    assert late.clock("handle_reply").due_at == story.clock("handle_reply").due_at


def test_facts_of_a_case_that_was_never_assigned_start_nothing() -> None:
    fields = COMMON | {"category": "to-cao", "refused_by": "intake", "reason": "r", "submitted_at": at("2026-03-02")}
    event = schemas.FeedbackNotAccepted(**fields, decided_at=at("2026-03-02"))
    assert decide.apply_event(LAW, None, event, "e", 0) == (None, [])


def test_an_event_of_a_case_that_is_not_known_is_given_up_and_not_passed_over() -> None:
    event = schemas.FeedbackReplied(**COMMON, agency="gia-lai", actor="a", replied_at=at("2026-03-03"))
    with pytest.raises(GiveUp, match="assignment is not known here") as caught:
        decide.apply_event(LAW, None, event, "e", 0)
    assert caught.value.reason == "missing_case"


def test_a_day_without_law_is_given_up_with_its_reason_and_never_guessed() -> None:
    with pytest.raises(GiveUp, match="no rule set in force on 2020-05-04") as caught:
        Story(at("2020-05-04"))
    assert caught.value.reason == "missing_rule_set"
