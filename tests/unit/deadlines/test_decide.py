"""What an event does to the clocks of a case, where no scenario tells it: `scenarios/` has the whole stories."""

from datetime import date

import pytest

import schemas
from pakn.errors import GiveUp
from services.deadlines.clocks import decide
from tests.support.clock_story import COMMON, LAW, Story, at, data


def test_a_clock_says_on_which_law_and_on_which_days_it_stands() -> None:
    story = Story(at("2026-02-12"))
    told = data(story.facts, "DeadlineSet", "handle_reply")
    assert (told.rule_set, told.count.limit, told.count.unit, told.verified) == ("qd31-2021", 15, "working_days", False)
    assert told.calendar_version == LAW.days.calendar.version
    assert (told.count.started_on, told.due_date) == (date(2026, 2, 12), date(2026, 3, 12))
    assert date(2026, 2, 16) in {day.date for day in told.count.unusual}, "the days of Tết are named"
    assert next(fact.topics for fact in story.facts if fact.name == "DeadlineSet") == ("feedback", "assignments.gia-lai")


def test_the_first_limits_count_from_the_sending_however_long_the_assignment_took() -> None:
    story = Story(at("2026-03-02"))
    late = Story(at("2026-03-02"), assigned=at("2026-03-05"))
    assert late.clock("handle_reply").due_at == story.clock("handle_reply").due_at


def test_facts_of_a_case_that_was_never_assigned_start_nothing() -> None:
    fields = COMMON | {"category": "to-cao", "refused_by": "intake", "reason": "r", "submitted_at": at("2026-03-02")}
    event = schemas.FeedbackNotAccepted(**fields, decided_at=at("2026-03-02"))
    assert decide.apply_event(LAW, None, event, "e", 0) == (None, [])


def test_an_event_of_a_case_that_is_not_known_is_given_up_and_not_passed_over() -> None:
    event = schemas.FeedbackReplied(**COMMON, agency="gia-lai", actor="a", reply="r", replied_at=at("2026-03-03"))
    with pytest.raises(GiveUp, match="assignment is not known here") as caught:
        decide.apply_event(LAW, None, event, "e", 0)
    assert caught.value.reason == "missing_case"


def test_a_day_without_law_is_given_up_with_its_reason_and_never_guessed() -> None:
    with pytest.raises(GiveUp, match="no rule set in force on 2020-05-04") as caught:
        Story(at("2020-05-04"))
    assert caught.value.reason == "missing_rule_set"
