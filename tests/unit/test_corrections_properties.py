"""Corrections of the law in random lives: the same clocks and facts whenever anything is handled, repeated or cut short."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

import schemas
from services.deadlines.clocks import decide
from services.deadlines.law.known import Law
from tests.support.clock_story import LAW as WHOLE
from tests.support.clock_story import Story, at, corrected, replay, stored, told, with_calendar, with_days_off

SENT = "2026-03-02"
# Two years of days are enough, and each correction makes a table of them.
LAW = with_calendar(WHOLE, WHOLE.days.calendar.model_copy(update={"years": WHOLE.days.calendar.years[-2:]}))
DAYS = st.dates(date(2026, 3, 1), date(2026, 6, 30))


@given(sent=DAYS, off=st.sets(DAYS, max_size=6), after=st.integers(0, 60))
def test_there_and_back_restores_every_due_date(sent: date, off: set[date], after: int) -> None:
    weekdays = sorted(day.isoformat() for day in off if LAW.days.is_working_day(day))
    there, back = with_days_off(LAW, "2026-09-z1", *weekdays), with_days_off(LAW, "2026-09-z2")
    now = at((sent + timedelta(days=after)).isoformat(), 12)
    story = Story(at(sent.isoformat()), law=LAW)
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
    story, now = Story(at(sent.isoformat()), law=LAW), at(sent.isoformat())
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


WHAT = st.sampled_from(["wait", "correct", "accept", "ask", "supplement", "reply", "send_back", "inside"])
Life = list[tuple[int, int, str, set[date]]]
LIFE = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 23), WHAT, st.sets(DAYS, max_size=3)), min_size=1, max_size=8)


def lived(life: Life, timers: bool, backlog: bool) -> Story:
    """A life with corrections. With `timers` each instant is looked at as it comes, otherwise only events bring time on; with
    `backlog` all of it is handled at the end, by an instance that knows every correction already."""
    story, now = Story(at(SENT, 0), law=LAW), at(SENT, 0)
    instants = [now := now + timedelta(days=days, hours=hours + 1) for days, hours, _, _ in life]
    if backlog:
        for number, (now, (_, _, what, off)) in enumerate(zip(instants, life, strict=True)):
            if what == "correct":
                story.learn(announced(number, off), now)
        story = Story(at(SENT, 0), law=story.law)
    for number, (now, (_, _, what, off)) in enumerate(zip(instants, life, strict=True)):
        if timers:
            story.wait(now - timedelta(hours=1))
        match what:
            case "correct":
                if not backlog:
                    story.learn(announced(number, off), now)
            case "wait" | "inside":
                pass
            case act:
                getattr(story, act)(now)
        if timers:
            story.wait(now)
    story.wait(instants[-1] + timedelta(days=60))
    return story


def announced(number: int, off: set[date]) -> Law:
    """A calendar with more days off and a revision with another limit, both known at one instant."""
    weekdays = [one.isoformat() for one in sorted(off) if LAW.days.is_working_day(one)]
    law = corrected(with_days_off(LAW, f"2026-09-z{number}", *weekdays), n=15 - 2 * len(off))
    rule_sets = tuple(rule_set.model_copy(update={"revision": number + 2}) for rule_set in law.pack.rule_sets)
    return Law.of(law.pack.model_copy(update={"rule_sets": rule_sets}), law.calendars)


@given(life=LIFE)
def test_corrections_make_the_same_clocks_and_facts_whenever_anything_is_handled(life: Life) -> None:
    live = lived(life, timers=True, backlog=False)
    facts = {fact.id: fact for fact in live.facts}
    assert len(facts) == len(live.facts), "no fact is told twice"
    for late in (lived(life, timers=False, backlog=False), lived(life, timers=False, backlog=True)):
        assert late.case == live.case
        assert {fact.id: fact for fact in late.facts} == facts
        assert len(late.facts) == len(facts)
    assert told(replay(live.facts)) == stored(live)


@given(life=LIFE, cut=st.integers(0, 60 * 24))
def test_what_is_published_again_after_a_crash_is_the_same_and_only_more(life: Life, cut: int) -> None:
    """A timer publishes first and saves then; killed in between, it begins anew from what was saved, at a later instant and
    perhaps with a later image, which knows of later corrections too."""
    story, now = Story(at(SENT, 0), law=LAW), at(SENT, 0)
    for number, (days, _, what, off) in enumerate(life):
        now += timedelta(days=days, hours=1)
        if what in ("correct", "wait"):
            story.learn(announced(number, off), now)
        elif now < at(SENT) + timedelta(hours=cut):
            getattr(story, what, story.wait)(now)
    assert story.case is not None
    until = max(at(SENT) + timedelta(hours=cut), now)
    first = decide.advance(story.law, story.case, until)[1]
    story.learn(announced(99, set()), until + timedelta(minutes=1))
    told_again = {step.fact.id: step.fact for step in decide.advance(story.law, story.case, until + timedelta(days=2))[1]}
    assert all(told_again[step.fact.id] == step.fact for step in first)
