"""Random lives: whatever happens in whatever order, whenever it is handled and whatever law is corrected, the clocks are right."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.deadlines.clocks import decide
from services.deadlines.law.known import Law
from tests.support.clock_story import LAW as WHOLE
from tests.support.clock_story import Story, at, by_clock, corrected, ending, replay, stored, told, with_calendar, with_days_off

SENT = at("2026-03-02", 0)
# Two years of days are enough, and each correction makes a table of them.
LAW = with_calendar(WHOLE, WHOLE.days.calendar.model_copy(update={"years": WHOLE.days.calendar.years[-2:]}))
LONGER = with_days_off(LAW, "2026-09-z1")
DAYS = st.dates(date(2026, 3, 1), date(2026, 6, 30))
STEPS = ("accept", "ask", "supplement", "reply", "send_back", "publish", "refuse", "transfer", "wait")
Life = list[tuple[int, str, set[date]]]


def lives(hours: int) -> st.SearchStrategy[Life]:
    """What happens, each with the hours since what happened before it, and the days off that a correction brings."""
    steps = st.tuples(st.integers(2, hours), st.sampled_from((*STEPS, "correct")), st.sets(DAYS, max_size=3))
    return st.lists(steps, min_size=1, max_size=10)


def happen(story: Story, step: str, now: datetime) -> None:
    if step == "transfer":
        story.transfer(now, story.agency, "hue" if story.agency != "hue" else "da-nang")
    else:
        getattr(story, step)(now)


def off_days(law: Law, version: str, off: set[date]) -> Law:
    """The law with these days off, as far as they were worked until now."""
    return with_days_off(law, version, *[day.isoformat() for day in sorted(off) if LAW.days.is_working_day(day)])


def announced(number: int, off: set[date]) -> Law:
    """A calendar with more days off and a revision with another limit, both known at one instant."""
    law = corrected(off_days(LAW, f"2026-09-z{number}", off), n=15 - 2 * len(off))
    rule_sets = tuple(rule_set.model_copy(update={"revision": number + 2}) for rule_set in law.pack.rule_sets)
    return Law.of(law.pack.model_copy(update={"rule_sets": rule_sets}), law.calendars)


def consistent(story: Story) -> None:
    """At most one clock of a rule is open, what is closed is silent, and the case wakes for the first of its clocks."""
    assert story.case is not None
    running = [clock.rule for clock in story.case.clocks if clock.state == "open"]
    assert len(running) == len(set(running))
    assert all(clock.next_rung is None for clock in story.case.clocks if clock.state != "open")
    instants = [clock.next_rung.at for clock in story.case.clocks if clock.next_rung]
    assert story.case.next_fire_at == min(instants, default=None)


def one_fact_a_cause(story: Story) -> None:
    """Each cause has one fact about clocks in the lifecycle topic, and each agency has there what that says of its own clocks."""
    whole = {fact.cause: fact for fact in story.facts if fact.name == "DeadlinesChanged" and "feedback" in fact.topics}
    told: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for fact in story.facts:
        if fact.name == "DeadlinesChanged":
            assert fact is whole[fact.cause] or "feedback" not in fact.topics
            for topic in fact.topics:
                told[f"{fact.cause} {topic}"] += [(kind, clock.clock_id) for kind, clock in by_clock(fact)]
    for cause, fact in whole.items():
        for kind, clock in by_clock(fact):
            told[f"{cause} assignments.{clock.agency}"].remove((kind, clock.clock_id))
    assert not any(rows for place, rows in told.items() if " assignments." in place), "no agency is told of more"


def lived(story: Story, life: Life, correction: Callable[[int, set[date]], Law], timers: bool, backlog: bool) -> Story:
    """A life with corrections. With `timers` each instant is looked at as it comes, otherwise only events bring time on; with
    `backlog` all of it is handled at the end, by an instance that knows every correction already."""
    now = story.sent
    instants = [now := now + timedelta(hours=hours) for hours, _, _ in life]
    if backlog:
        for number, (now, (_, step, off)) in enumerate(zip(instants, life, strict=True)):
            if step == "correct":
                story.learn(correction(number, off), now)
        story = Story(story.sent, law=story.law)
    for number, (now, (_, step, off)) in enumerate(zip(instants, life, strict=True)):
        if timers:
            story.wait(now - timedelta(hours=1))
        if step != "correct":
            if timers or step != "wait":
                happen(story, step, now)
        elif not backlog:
            story.learn(correction(number, off), now)
        if timers:
            story.wait(now)
            consistent(story)
    story.wait(instants[-1] + timedelta(days=60))
    return story


def the_same_whenever_handled(
    sent: datetime, law: Law, life: Life, correction: Callable[[int, set[date]], Law] = announced
) -> Story:
    """The life as it was handled while it happened, after it was compared with the same life handled later."""
    live = lived(Story(sent, law=law), life, correction, timers=True, backlog=False)
    facts = {fact.id: fact for fact in live.facts}
    assert len(facts) == len(live.facts), "no fact is told twice"
    for backlog in (False, True):
        late = lived(Story(sent, law=law), life, correction, timers=False, backlog=backlog)
        assert late.case == live.case
        assert {fact.id: fact for fact in late.facts} == facts
        assert len(late.facts) == len(facts)
    assert told(replay(live.facts)) == stored(live)
    one_fact_a_cause(live)
    return live


@given(life=lives(hours=400))
def test_clocks_and_facts_are_consistent_and_the_same_whenever_anything_is_handled(life: Life) -> None:
    live = the_same_whenever_handled(SENT, LAW, life)
    rungs = Counter((fact.subject, fact.cause) for fact in live.facts if fact.name in ("DeadlineWarning", "FeedbackOverdue"))
    assert set(rungs.values()) <= {1}, "each rung of each clock fires once"
    overdue = Counter(json.loads(fact.data)["clock_id"] for fact in live.facts if '"times":0' in fact.data)
    withdrawn = Counter(json.loads(fact.data)["clock_id"] for fact in live.facts if fact.name == "OverdueWithdrawn")
    assert all(overdue[id] <= withdrawn[id] + 1 for id in overdue), "overdue again only after it was taken back"


@given(sent=st.dates(date(2026, 12, 1), date(2026, 12, 31)), life=lives(hours=240))
def test_where_the_calendar_ends_nothing_is_guessed_and_a_longer_one_makes_up_for_it(sent: date, life: Life) -> None:
    sent_at = at(sent.isoformat(), 0)
    live = the_same_whenever_handled(sent_at, ending(LAW, 2026), [*life, (2, "correct", set())], lambda *_: LONGER)
    assert live.case is not None
    assert all(clock.due_at for clock in live.case.clocks if clock.state == "open"), "at last every open clock is counted"
    by_the_longer = {clock.id: clock.due_date for clock in Story(sent_at, law=LONGER).case.clocks}  # type: ignore[union-attr]
    assert all(clock.due_date == by_the_longer.get(clock.id, clock.due_date) for clock in live.case.clocks if clock.due_date)


@given(sent=DAYS, off=st.sets(DAYS, max_size=6), after=st.integers(0, 60))
def test_there_and_back_restores_every_due_date(sent: date, off: set[date], after: int) -> None:
    now = at((sent + timedelta(days=after)).isoformat(), 12)
    story = Story(at(sent.isoformat()), law=LAW)
    story.wait(now)
    assert story.case is not None
    before = [(clock.id, clock.due_at, clock.overdue) for clock in story.case.clocks]
    story.correct(off_days(LAW, "2026-09-z1", off), now)
    moved = {clock.id: clock.due_at for clock in story.case.clocks}
    assert all(moved[id] >= due_at for id, due_at, _ in before), "more days off never bring a deadline nearer"
    story.correct(with_days_off(LAW, "2026-09-z2"), now)
    story.wait(now)
    assert [(clock.id, clock.due_at, clock.overdue) for clock in story.case.clocks] == before


@given(life=lives(hours=288), cut=st.integers(0, 60 * 24))
def test_what_is_published_again_after_a_crash_is_the_same_and_only_more(life: Life, cut: int) -> None:
    """A timer publishes first and saves then; killed in between, it begins anew from what was saved, at a later instant and
    perhaps with a later image, which knows of later corrections too."""
    story, now = Story(SENT, law=LAW), SENT
    for number, (hours, step, off) in enumerate(life):
        now += timedelta(hours=hours)
        if step in ("correct", "wait"):
            story.learn(announced(number, off), now)
        elif now < SENT + timedelta(hours=cut):
            happen(story, step, now)
    assert story.case is not None
    until = max(SENT + timedelta(hours=cut), now)
    first = decide.advance(story.law, story.case, until)[1]
    story.learn(announced(99, set()), until + timedelta(minutes=1))
    told_again = {step.fact.id: step.fact for step in decide.advance(story.law, story.case, until + timedelta(days=2))[1]}
    assert all(told_again[step.fact.id] == step.fact for step in first)


@given(
    steps=st.lists(st.tuples(st.sampled_from(STEPS), st.integers(1, 400), st.booleans(), st.booleans()), max_size=12),
    again=st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), max_size=20),
)
def test_topic_and_store_agree_whatever_is_handled_late(
    steps: list[tuple[str, int, bool, bool]], again: list[tuple[int, int]]
) -> None:
    """Some events are dead letters, and are posted again in their order after others and after what fell due meanwhile."""
    story, now = Story(SENT), SENT
    held: list[tuple[str, datetime]] = []

    def post_again() -> None:
        for step, when in held:
            getattr(story, step)(when)
        held.clear()

    for step, hours, is_held, is_posted in steps:
        now += timedelta(hours=hours)
        story.wait(now)
        if is_held and step not in ("wait", "transfer"):
            held.append((step, now))
        else:
            happen(story, step, now)
        if is_posted:
            post_again()
    post_again()
    story.wait(now + timedelta(days=60))
    assert len({fact.id for fact in story.facts}) == len(story.facts)
    assert told(replay(story.facts)) == stored(story)
    one_fact_a_cause(story)
    for pair in again:
        fact, behind = sorted(number % len(story.facts) for number in pair)
        story.facts.insert(behind + 1, story.facts[fact])
    assert told(replay(story.facts)) == stored(story), "facts that come again, behind later ones, change nothing"
