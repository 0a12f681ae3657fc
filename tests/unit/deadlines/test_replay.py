"""A replay of the lifecycle topic at a date. That it tells what the store has is in test_clock_properties.py."""

from tests.support.clock_story import Story, at, replay

SENT = "2026-03-02"


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
    result = replay([fact for fact in story.facts if fact.name != "DeadlinesChanged"])
    assert (result.clocks, result.unreadable) == ({}, 1)
