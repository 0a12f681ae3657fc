"""Where the working calendar ends: nothing is guessed, nothing that is known waits, and a longer calendar makes up for it.

The stories stand in `scenarios/*-the-calendar*.yaml`; here is what no scenario can say.
"""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.deadlines.clocks import explain
from services.deadlines.law.known import Law
from tests.support.clock_story import LAW, Story, at, corrected, data, ending, names, replay, stored, told, with_days_off

UNTIL_2026 = ending(LAW, 2026)
LONGER = with_days_off(LAW, "2026-09-z1")


def of_reply(lines: list[str]) -> list[str]:
    return [line for line in lines if "handle_reply" in line]


def test_a_limit_corrected_in_the_meantime_is_told_of_once_with_the_day_that_holds() -> None:
    """The corrected limit alone, which no calendar reaches either, is passed over until one does."""
    story = Story(at("2026-12-21"), law=UNTIL_2026)
    assert story.correct(Law.of(corrected(LAW, n=20).pack, UNTIL_2026.calendars), at("2026-12-28")) == []
    facts = story.correct(Law.of(corrected(LAW, n=20).pack, LONGER.calendars), at("2027-01-05"))
    assert names(facts) == ["DeadlineSet handle_reply"]
    assert (data(facts, "DeadlineSet", "handle_reply").count.limit, story.clock("handle_reply").revision) == (20, 2)


def test_a_shorter_limit_brings_a_clock_into_the_calendar() -> None:
    story = Story(at("2026-12-21"), law=UNTIL_2026)
    facts = story.correct(Law.of(corrected(LAW, n=8).pack, UNTIL_2026.calendars), at("2026-12-22"))
    assert data(facts, "DeadlineSet", "handle_reply").due_date == date(2026, 12, 31)


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
    said = explain.explain_clocks(UNTIL_2026, [story.clock("handle_reply")])[0]
    assert (said["state"], said["due_date"], said["due_at"], said["days"]) == ("uncounted", None, None, [])
    assert said["explanation"] == "calendar 2026-09 ends before its last day; it is counted when a longer one is applied"
    assert said["rule_set"] == "qd29-2026"
    story.reply(at("2026-12-28"))
    said = explain.explain_clocks(UNTIL_2026, [story.clock("handle_reply")])[0]
    assert (said["state"], said["explanation"]) == (
        "met", "calendar 2026-09 ends before its last day; it was closed before it could be counted",
    )  # fmt: skip


DOES = st.sampled_from(["accept", "ask", "supplement", "reply", "send_back", "publish", "learn"])


@given(
    sent=st.dates(date(2026, 12, 1), date(2026, 12, 31)),
    life=st.lists(st.tuples(st.integers(0, 9), st.integers(1, 23), DOES), min_size=1, max_size=8),
)
def test_clocks_and_facts_are_the_same_whenever_they_are_handled_and_no_day_is_guessed(
    sent: date, life: list[tuple[int, int, str]]
) -> None:
    live, late = Story(at(sent.isoformat(), 0), law=UNTIL_2026), Story(at(sent.isoformat(), 0), law=UNTIL_2026)
    now = live.sent
    for days, hours, what in life:
        now += timedelta(days=days, hours=hours)
        live.wait(now)
        for story in (live, late):
            if what == "learn":
                story.learn(LONGER, now)
            else:
                getattr(story, what)(now)
        live.wait(now)
    for story in (live, late):
        story.learn(LONGER, now)
        story.wait(now + timedelta(days=60))
    assert live.case == late.case
    assert {fact.id: fact for fact in live.facts} == {fact.id: fact for fact in late.facts}
    assert len({fact.id for fact in live.facts}) == len(live.facts)
    assert live.case is not None
    assert told(replay(live.facts)) == stored(live)
    assert all(clock.due_at for clock in live.case.clocks if clock.state == "open"), "at last every open clock is counted"
    by_the_longer = {clock.id: clock.due_date for clock in Story(live.sent, law=LONGER).case.clocks}  # type: ignore[union-attr]
    assert all(clock.due_date == by_the_longer.get(clock.id, clock.due_date) for clock in live.case.clocks if clock.due_date)
