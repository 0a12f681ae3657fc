"""Facts that are handled after others that came later, as dead letters that are posted again: judged as if in their place."""

from datetime import timedelta

import pytest

from tests.support.clock_story import Story, at, data, names, replay


def test_an_assignment_that_is_handled_after_a_later_one_does_not_bring_the_case_back() -> None:
    story = Story(at("2026-03-02"))
    story.transfer(at("2026-03-05"), "da-nang", "hue")
    assert story.assigned(at("2026-03-03"), "da-nang", "gia-lai") == []
    assert (story.agency, story.clock("handle_reply").agency) == ("hue", "hue")


def test_a_supplement_that_comes_after_the_answer_opens_no_clock_of_an_answered_case() -> None:
    story = Story(at("2026-03-02"))
    story.ask(at("2026-03-03"))
    story.reply(at("2026-03-10"))
    story.publish(at("2026-03-11"))
    story.supplement(at("2026-03-05"))
    assert not [clock for clock in story.case.clocks if clock.state == "open"]  # type: ignore[union-attr]
    assert story.wait(at("2026-12-01")) == []


def test_an_answer_in_time_that_is_handled_after_its_overdue_takes_it_back() -> None:
    """As a dead letter that is posted again: the record came in time, whatever held it up."""
    story = Story(at("2026-03-02"))
    story.wait(at("2026-04-01"))
    facts = story.reply(at("2026-03-23", 23))
    assert not data(facts, "met", "handle_reply").late
    withdrawn = data(facts, "OverdueWithdrawn", "handle_reply")
    assert (withdrawn.because, withdrawn.withdrawn_at) == ("in_time", at("2026-03-31", 0)), "not before it was told of"
    clock = story.clock("handle_reply")
    assert (clock.state, clock.overdue) == ("met", False)
    told = replay(story.facts).clocks[clock.id]
    assert (told.state, told.overdue, told.met_late) == ("met", False, False)


def test_a_reply_sent_back_after_its_overdue_was_taken_back_is_overdue_as_another_fact() -> None:
    story = Story(at("2026-03-02"))
    story.wait(at("2026-04-01"))
    story.reply(at("2026-03-23", 23))
    story.send_back(at("2026-04-02"))
    assert story.wait(at("2026-04-03")) == ["handle_reply overdue 0 2026-04-02"]
    assert len({fact.id for fact in story.facts}) == len(story.facts)
    assert replay(story.facts).clocks[story.clock("handle_reply").id].overdue


@pytest.mark.parametrize("since", ["transfer", "supplement", "send_back"])
def test_a_late_answer_of_an_earlier_run_ends_no_clock_that_has_begun_since(since: str) -> None:
    story = Story(at("2026-03-02"))
    if since == "transfer":
        story.transfer(at("2026-03-09"), "gia-lai", "da-nang")
    else:
        story.ask(at("2026-03-03")) if since == "supplement" else None
        getattr(story, since)(at("2026-03-09"))
    story.wait(at("2026-04-01"))
    before = story.clock("handle_reply")
    assert before.overdue
    assert not [name for name in names(story.reply(at("2026-03-05"))) if "handle_reply" in name]
    assert story.clock("handle_reply") == before


def test_an_answer_that_a_slower_machine_dates_before_the_sending_is_an_answer() -> None:
    story = Story(at("2026-03-02"))
    facts = story.reply(at("2026-03-02") - timedelta(seconds=2))
    assert not data(facts, "met", "handle_reply").late
