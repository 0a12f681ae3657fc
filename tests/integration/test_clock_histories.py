"""Ten thousand random lives of a feedback, each compared with a model of the law that is as simple as the law's own words.

The model knows no ladder, no table of working days and no rule file: it walks through the moments of one rule at a time and
counts days one by one. It needs no server, and stands here because it takes seconds.
"""

import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import NamedTuple

import schemas
from tests.support.clock_story import Story, at
from tests.support.day_by_day import ZONE, last_day, too_late_from

HISTORIES = 10_000


class Rule(NamedTuple):
    """A limit in working days, as domain knowledge has it: what opens, meets, ends and reopens it."""

    limit: int
    opens: set[str]
    meets: set[str]
    ends: set[str]
    reopens: frozenset[str] = frozenset()


TAKEN_UP = {"transferred_out", "reply_ready", "published"}
LAW = {
    "refuse": Rule(2, {"sent", "transferred_in"}, {"refused", "returned"}, {"received", "more_requested"} | TAKEN_UP),
    "request_more": Rule(5, {"sent", "transferred_in"}, {"more_requested"}, {"received", "refused", "returned"} | TAKEN_UP),
    "transfer_out": Rule(
        5, {"received"}, {"transferred_out"}, {"refused", "returned", "more_requested", "transferred_in", "reply_ready"}
    ),
    "handle_reply": Rule(
        15,
        {"sent", "transferred_in", "supplemented"},
        {"reply_ready"},
        {"refused", "returned", "more_requested", "transferred_out"},
        frozenset({"reply_sent_back"}),
    ),
    "publish": Rule(2, {"reply_ready"}, {"published"}, {"reply_sent_back", "refused", "returned", "transferred_out"}),
}
# What may follow what, as the acts of `Story`.
STEPS = {
    "assigned": ["accept", "ask", "refuse", "transfer", "reply"],
    "accepted": ["ask", "refuse", "transfer", "reply", "inside"],
    "asked": ["supplement"],
    "replied": ["send_back", "publish", "publish"],
    "closed": [],
}
# The moment of the law that an act is, and how the case stands after it.
MEANS = {
    "accept": ("received", "accepted"),
    "ask": ("more_requested", "asked"),
    "supplement": ("supplemented", "assigned"),
    "refuse": ("refused", "closed"),
    "reply": ("reply_ready", "replied"),
    "send_back": ("reply_sent_back", "accepted"),
    "publish": ("published", "closed"),
}


class Step(NamedTuple):
    """A moment of the law at an instant, after which this agency has the case."""

    moment: str
    at: datetime
    agency: str


class Expected(NamedTuple):
    rule: str
    agency: str
    due: date
    state: str
    overdue: bool


def play(rng: random.Random) -> tuple[Story, list[Step], datetime]:
    """A random life: the story as the code saw it, the same as moments, and the instant up to which time has passed."""
    now = at("2026-01-01") + timedelta(days=rng.randrange(240), hours=rng.randrange(24))
    story, state, agency = Story(now, "gia-lai"), "assigned", "gia-lai"
    steps = [Step("sent", now, agency)]
    for _ in range(rng.randrange(7)):
        if not STEPS[state]:
            break
        now += timedelta(days=rng.choice((0, 0, 1, 2, 4, 9, 16, 25)), hours=rng.randrange(24))
        act = rng.choice(STEPS[state])
        if act == "inside":
            story.transfer(now, agency, agency)
        elif act == "transfer":
            to = rng.choice([name for name in ("gia-lai", "da-nang", "hue") if name != agency])
            story.transfer(now, agency, to)
            steps += [Step("transferred_out", now, agency), Step("transferred_in", now, to)]
            agency, state = to, "assigned"
        else:
            getattr(story, act)(now)
            moment, state = MEANS[act]
            steps.append(Step(moment, now, agency))
    end = now + timedelta(days=rng.randrange(40))
    story.wait(end)
    return story, steps, end


def expected(steps: list[Step], end: datetime) -> Iterator[Expected]:
    """Every clock of every rule, as it must stand at `end`."""
    for name, rule in LAW.items():
        clock: list[object] | None = None
        opened: list[list[object]] = []
        for step in steps:
            if clock and clock[2] == "open":
                clock[3] = clock[3] or step.at >= too_late_from(clock[1])  # type: ignore[arg-type]
                if step.moment in rule.meets:
                    clock[2] = "met"
                    continue
                if step.moment in rule.ends or step.moment in rule.opens - {"received"}:
                    clock[2] = "cancelled"
            if clock and clock[2] == "met" and step.moment in rule.reopens:
                clock[2] = "open"
            elif step.moment in rule.opens and not (clock and clock[2] == "open"):
                clock = [step.agency, last_day(step.at.astimezone(ZONE).date(), rule.limit), "open", False]
                opened.append(clock)
        for agency, due, state, late in opened:
            past = end >= too_late_from(due)  # type: ignore[arg-type]
            yield Expected(name, agency, due, state, late or (state == "open" and past))  # type: ignore[arg-type]


def test_ten_thousand_random_lives_stand_as_a_simple_model_of_the_law_says() -> None:
    for seed in range(HISTORIES):
        story, steps, end = play(random.Random(seed))
        assert story.case is not None
        duties = ("handle_reply", "publish")
        found = [
            Expected(clock.rule, clock.agency, date.fromisoformat(clock.due_date), clock.state, clock.overdue)
            for clock in story.case.clocks
        ]
        wanted = [row if row.rule in duties else row._replace(overdue=False) for row in expected(steps, end)]
        assert sorted(found) == sorted(wanted), f"seed {seed}: {steps}"
        fired = [schemas.FeedbackOverdue.model_validate_json(fact.data) for fact in story.facts if fact.name == "FeedbackOverdue"]
        first = [(event.rule, event.clock_id) for event in fired if event.times == 0]
        assert len(set(first)) == len(first) == sum(row.overdue for row in wanted), f"seed {seed}: each overdue once"
