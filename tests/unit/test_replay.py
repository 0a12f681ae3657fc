"""A replay of the lifecycle topic tells of the clocks what the store has, at any date, whatever is repeated."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.support.clock_story import LAW, Story, at, replay, stored, told, with_days_off

SENT = "2026-03-02"
ACTS = st.sampled_from(["accept", "ask", "supplement", "reply", "send_back", "transfer", "correct"])


LIVES = st.lists(st.tuples(st.integers(0, 20), ACTS), min_size=1, max_size=8)
REPEATED = st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), max_size=20)


@given(life=LIVES, again=REPEATED)
def test_a_replay_equals_the_store(life: list[tuple[int, str]], again: list[tuple[int, int]]) -> None:
    story, now = Story(at(SENT)), at(SENT)
    for number, (days, act) in enumerate(life):
        now += timedelta(days=days)
        story.wait(now)
        match act:
            case "transfer":
                story.transfer(now, story.agency, "hue" if story.agency == "gia-lai" else "gia-lai")
            case "correct":
                story.correct(with_days_off(LAW, f"2026-09-z{number}", "2026-03-20", *["2026-04-06"] * (number % 2)), now)
            case _:
                getattr(story, act)(now)
    assert told(replay(story.facts)) == stored(story)
    repeated = list(story.facts)
    for pair in again:
        fact, behind = sorted(number % len(repeated) for number in pair)
        repeated.insert(behind + 1, repeated[fact])
    assert told(replay(repeated)) == stored(story), "facts that come again, behind later ones, change nothing"


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
