"""Where the working calendar ends: nothing is guessed, nothing that is known waits, and a longer calendar makes up for it.

The stories stand in `scenarios/*-the-calendar*.yaml`; here is what no scenario can say.
"""

from datetime import date

from services.deadlines.clocks import explain
from services.deadlines.law.known import Law
from tests.support.clock_story import LAW, Story, at, corrected, data, ending, names, with_days_off

UNTIL_2026 = ending(LAW, 2026)
LONGER = with_days_off(LAW, "2026-09-z1")


def of_reply(lines: list[str]) -> list[str]:
    return [line for line in lines if "handle_reply" in line]


def test_whoever_waits_for_the_last_day_is_told_at_once_that_it_is_not_known() -> None:
    """Nothing said so: the letter about the agency waited for a day that would not come."""
    story = Story(at("2026-12-21"), law=UNTIL_2026)
    (fact,) = story.facts
    assert fact.topics == ("feedback", "assignments.gia-lai")
    told = data([fact], "not_counted", "handle_reply")
    assert (told.clock_id, told.count.limit, told.count.started_on) == (story.clock("handle_reply").id, 15, date(2026, 12, 21))
    assert told.calendar_version == UNTIL_2026.days.calendar.version
    assert names(Story(at("2026-03-02")).facts) == ["set handle_reply", "set refuse", "set request_more"]


def test_a_limit_corrected_in_the_meantime_is_told_of_once_with_the_day_that_holds() -> None:
    """The corrected limit alone, which no calendar reaches either, is passed over until one does."""
    story = Story(at("2026-12-21"), law=UNTIL_2026)
    assert story.correct(Law.of(corrected(LAW, n=20).pack, UNTIL_2026.calendars), at("2026-12-28")) == []
    facts = story.correct(Law.of(corrected(LAW, n=20).pack, LONGER.calendars), at("2027-01-05"))
    assert names(facts) == ["set handle_reply"]
    assert (data(facts, "set", "handle_reply").count.limit, story.clock("handle_reply").revision) == (20, 2)


def test_a_shorter_limit_brings_a_clock_into_the_calendar() -> None:
    story = Story(at("2026-12-21"), law=UNTIL_2026)
    facts = story.correct(Law.of(corrected(LAW, n=8).pack, UNTIL_2026.calendars), at("2026-12-22"))
    assert data(facts, "set", "handle_reply").due_date == date(2026, 12, 31)


def test_hours_that_end_beyond_the_calendar_wait_too_because_their_warnings_need_it() -> None:
    in_hours = corrected(LAW, n=24 * 16, unit="hours").pack
    story = Story(at("2026-12-21"), law=Law.of(in_hours, UNTIL_2026.calendars))
    assert story.clock("handle_reply").due_at is None
    story.correct(Law.of(in_hours, LONGER.calendars), at("2026-12-28"))
    assert of_reply(story.wait(at("2027-01-06"))) == [
        "handle_reply warning 3 2026-12-31", "handle_reply warning 1 2027-01-05", "handle_reply overdue 0 2027-01-06",
    ]  # fmt: skip


def test_the_page_says_of_an_uncounted_clock_what_it_waits_for() -> None:
    story = Story(at("2026-12-21"), law=UNTIL_2026)
    said = explain.explain_clock(UNTIL_2026, story.clock("handle_reply"))
    assert (said["state"], said["due_date"], said["due_at"], said["days"]) == ("uncounted", None, None, [])
    assert said["explanation"] == "calendar 2026-09 ends before its last day; it is counted when a longer one is applied"
    assert said["rule_set"] == "qd29-2026"
    story.reply(at("2026-12-28"))
    said = explain.explain_clock(UNTIL_2026, story.clock("handle_reply"))
    assert (said["state"], said["explanation"]) == (
        "met", "calendar 2026-09 ends before its last day; it was closed before it could be counted",
    )  # fmt: skip
