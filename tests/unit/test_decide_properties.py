"""Whatever happens in whatever order, and whenever the timers come round, the clocks are consistent."""

from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.clock_story import Story, at, replay, stored, told

STEPS = ("accept", "ask", "supplement", "reply", "send_back", "publish", "refuse", "transfer", "wait")


def happen(story: Story, step: str, now: datetime) -> None:
    if step == "transfer":
        story.transfer(now, story.agency, "hue" if story.agency != "hue" else "da-nang")
    else:
        getattr(story, step)(now)


@settings(max_examples=150)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(1, 400)), max_size=14))
def test_whatever_happens_clocks_are_consistent(steps: list[tuple[str, int]]) -> None:
    """Facts in any order, lawful or not: at most one clock of a rule is open, ids never repeat, what is closed is silent."""
    story = Story(at("2026-03-02"))
    now = at("2026-03-02")
    for step, hours in steps:
        now += timedelta(hours=hours)
        happen(story, step, now)
        assert story.case is not None
        running = [clock.rule for clock in story.case.clocks if clock.state == "open"]
        assert len(running) == len(set(running))
        assert all(clock.next_rung is None for clock in story.case.clocks if clock.state != "open")
        instants = [clock.next_rung.at for clock in story.case.clocks if clock.next_rung]
        assert story.case.next_fire_at == min(instants, default=None)
    story.wait(now + timedelta(days=60))
    ids = [fact.id for fact in story.facts]
    assert len(ids) == len(set(ids))
    rungs = [(fact.subject, fact.cause) for fact in story.facts if fact.name in ("DeadlineWarning", "FeedbackOverdue")]
    assert len(rungs) == len(set(rungs)), "each rung of each clock fires once"


@settings(max_examples=150)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(1, 400), st.integers(0, 400)), max_size=10))
def test_it_makes_no_difference_when_the_timers_come_round(steps: list[tuple[str, int, int]]) -> None:
    """Events and timers are handled in any order of the machine's: with timers at every chance, or after weeks of downtime."""
    eager, late = Story(at("2026-03-02")), Story(at("2026-03-02"))
    now = at("2026-03-02")
    for step, hours, look in steps:
        if look < hours:
            eager.wait(now + timedelta(hours=look))
        now += timedelta(hours=hours)
        for story in (eager, late):
            if step != "wait":
                happen(story, step, now)
    for story in (eager, late):
        story.wait(now + timedelta(days=60))
    assert eager.case == late.case
    assert {(fact.id, fact.data) for fact in eager.facts} == {(fact.id, fact.data) for fact in late.facts}


@settings(max_examples=150)
@given(
    steps=st.lists(st.tuples(st.sampled_from(STEPS), st.integers(1, 400), st.booleans(), st.booleans()), max_size=12),
    again=st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), max_size=20),
)
def test_topic_and_store_agree_whatever_is_handled_late(
    steps: list[tuple[str, int, bool, bool]], again: list[tuple[int, int]]
) -> None:
    """Some events are dead letters, and are posted again in their order after others and after what fell due meanwhile."""
    story = Story(at("2026-03-02"))
    now, held = at("2026-03-02"), []

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
    for pair in again:
        fact, behind = sorted(number % len(story.facts) for number in pair)
        story.facts.insert(behind + 1, story.facts[fact])
    assert told(replay(story.facts)) == stored(story), "facts that come again, behind later ones, change nothing"
