"""A replay of the lifecycle topic tells of the clocks what the store has, at any date, whatever is repeated."""

import random
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.deadlines.clocks.decide import Case
from services.deadlines.replay.replay import Replay
from tests.support.clock_story import LAW, Story, at, replay, with_days_off

SENT = "2026-03-02"


def stored(case: Case | None) -> dict[str, tuple[object, ...]]:
    assert case is not None
    return {clock.id: (clock.rule, clock.agency, clock.due_at, clock.state, clock.overdue) for clock in case.clocks}


def told(result: Replay) -> dict[str, tuple[object, ...]]:
    return {id: (row.rule, row.agency, row.due_at, row.state, row.overdue) for id, row in result.clocks.items()}


@given(seed=st.integers(0, 10**6), steps=st.lists(st.integers(0, 20), min_size=1, max_size=8))
def test_a_replay_equals_the_store(seed: int, steps: list[int]) -> None:
    rng = random.Random(seed)
    story, now = Story(at(SENT)), at(SENT)
    agency = "gia-lai"
    for number, days in enumerate(steps):
        now += timedelta(days=days)
        story.wait(now)
        match rng.randrange(7):
            case 0:
                story.accept(now)
            case 1:
                story.ask(now)
            case 2:
                story.supplement(now)
            case 3:
                story.reply(now)
            case 4:
                story.send_back(now)
            case 5:
                to = "hue" if agency == "gia-lai" else "gia-lai"
                story.transfer(now, agency, to)
                agency = to
            case 6:
                story.correct(with_days_off(LAW, f"2026-09-z{number}", "2026-03-20", *["2026-04-06"] * rng.randrange(2)), now)
    assert told(replay(story.facts)) == stored(story.case)
    repeated = [fact for index, fact in enumerate(story.facts) for fact in (fact, story.facts[rng.randrange(index + 1)])]
    assert told(replay(repeated)) == stored(story.case), "facts that come again, behind later ones, change nothing"


def test_a_replay_stops_at_its_date() -> None:
    story = Story(at(SENT))
    story.accept(at("2026-03-03"))
    story.wait(at("2026-03-26"))
    story.reply(at("2026-03-26"))
    assert replay(story.facts, "2026-03-02").counts()["handle_reply"] == {"open": 1}
    assert replay(story.facts, "2026-03-25").counts()["handle_reply"] == {"past": 1}
    assert replay(story.facts, "2026-03-27").counts() == {
        "refuse": {"cancelled": 1}, "request_more": {"cancelled": 1}, "transfer_out": {"cancelled": 1},
        "handle_reply": {"met late": 1}, "publish": {"open": 1},
    }  # fmt: skip


def test_a_clock_without_a_beginning_is_left_out_and_counted() -> None:
    story = Story(at(SENT))
    story.wait(at("2026-03-24"))
    result = replay([fact for fact in story.facts if fact.name != "DeadlineSet"])
    assert (result.clocks, result.unreadable) == ({}, 1)
