"""The law's timers on a real Kafka: each rung once and in order, after any downtime, and none that a reply came before."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import RecordsToDelete

from pakn import metrics
from pakn.engine import kafka
from pakn.engine.kafka_login import client_options
from services.deadlines import calendar_change
from services.deadlines.replay import from_topic
from tests.support.outside_world import Poster, until
from tests.support.system import START, System

# Sent on 2 March 2026: the reply is due at the end of the 23rd.
LADDER = [("DeadlineWarning", 3), ("DeadlineWarning", 1), *(("FeedbackOverdue", times) for times in range(3))]
SECOND_PROGRESS = datetime(2026, 4, 6, 17, 0, tzinfo=UTC)


def rungs(system: System, body: dict[str, Any], topic: str = "feedback") -> list[tuple[str, int]]:
    """What fired for the reply to a feedback in the order of the topic, each fact once."""
    found: dict[str, tuple[str, int]] = {}
    for row in system.observer.found(topic=topic, subject=body["feedback_id"], rule="handle_reply"):
        if row.name in ("DeadlineWarning", "FeedbackOverdue"):
            found.setdefault(row.id, (row.name, row.data.get("days_before", row.data.get("times"))))
    return list(found.values())


async def timers_at(system: System, instant: datetime) -> None:
    """Wait until the timers have come to this instant in every partition."""
    # The metrics are this process's: what an earlier service reported in it must not be taken for this one's.
    metrics.timers_fired_until.set(0)

    async def done() -> bool:
        text = (await system.https["deadlines"].get("/metrics")).text
        line = next(line for line in text.splitlines() if line.startswith("pakn_timers_fired_until_timestamp_seconds "))
        return float(line.split()[1]) >= instant.timestamp()

    await until(done, f"timers have fired until {instant}")


async def fired_until(system: System, instant: datetime) -> None:
    """Wait until the timers have come to this instant and the facts are read."""
    await timers_at(system, instant)
    await system.settled()


async def test_each_rung_fires_once_and_in_order_as_time_passes_and_after_weeks_of_downtime(own: System) -> None:
    bodies = [await own.timed() for _ in range(5)]
    for days in (4, 8, 12, 16):
        now = START + timedelta(days=days)
        own.set_clock(now)
        await fired_until(own, now)
    assert rungs(own, bodies[0]) == LADDER[:1]
    await own.stop("deadlines")
    own.set_clock(SECOND_PROGRESS + timedelta(hours=1))
    for _ in range(2):
        await own.start("deadlines")
        await fired_until(own, SECOND_PROGRESS)
        await own.stop("deadlines")
    for body in bodies:
        assert rungs(own, body) == rungs(own, body, "assignments.gia-lai") == LADDER
    copies = [row.id for row in own.observer.found("FeedbackOverdue", topic="feedback")]
    assert len(copies) == len(set(copies)), "a restart fires nothing again"


IN_TIME, TOO_LATE = datetime(2026, 3, 23, 16, 59, tzinfo=UTC), datetime(2026, 3, 25, 3, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("down", "sent_at"),
    [(["deadlines"], IN_TIME), (["routing", "deadlines"], IN_TIME), (["deadlines"], TOO_LATE)],
    ids=["fact in time", "only the action in time", "late"],
)
async def test_a_reply_is_judged_by_when_it_was_sent_whoever_was_down_then(own: System, down: list[str], sent_at: datetime) -> None:
    """The action or its fact was in a topic before or after the deadline, which passed while nobody handled it."""
    body = await own.timed()
    await own.stop(*down)
    own.set_clock(sent_at)
    await own.post.act("gia-lai", body["feedback_id"], "reply", reply="Đã sửa")
    if "routing" not in down:
        await own.observer.wait("FeedbackReplied", subject=body["feedback_id"])
    own.set_clock(SECOND_PROGRESS)
    await own.start("deadlines")
    await own.settled("deadlines")
    await own.start(*(name for name in down if name != "deadlines"))
    (met,) = await own.observer.wait_clock("met", topic="feedback", subject=body["feedback_id"], rule="handle_reply")
    assert met.data["late"] is (sent_at == TOO_LATE)
    await fired_until(own, SECOND_PROGRESS)
    assert rungs(own, body) == LADDER[: 3 if met.data["late"] else 2]


async def test_the_end_of_a_transaction_or_removed_records_in_one_agencys_topic_hold_no_timer_back(own: System) -> None:
    """Both leave offsets that nobody ever commits; the timers of all agencies once waited for them for ever."""
    await own.timed()
    topic = f"{own.settings.namespace}.actions.da-nang"
    producer = AIOKafkaProducer(**client_options(own.settings.kafka), transactional_id=topic)
    async with producer, producer.transaction():
        await producer.send_and_wait(topic, b"not an action")
    await own.observer.wait("ActionRefused", topic="assignments.da-nang")
    now = START + timedelta(days=4)
    own.set_clock(now)
    await timers_at(own, now)

    await own.stop("routing")
    other = f"{own.settings.namespace}.actions.bo-noi-vu"
    await own.post.raw("actions.bo-noi-vu", b"not an action either")
    async with kafka.administering(own.settings.kafka) as admin:
        await admin.delete_records({TopicPartition(other, 0): RecordsToDelete(before_offset=1)})
    now += timedelta(days=1)
    own.set_clock(now)
    await timers_at(own, now)


async def test_a_reply_in_an_open_transaction_is_not_overtaken_and_other_agencies_timers_go_on(own: System) -> None:
    """Readers see nothing of a transaction until it ends: the sender was told twice of a reply that was overdue, and in time."""
    replied, other = await own.timed(), await own.timed("da-nang", province="da-nang")
    producer = AIOKafkaProducer(**client_options(own.settings.kafka), transactional_id=own.settings.namespace)
    async with producer, producer.transaction():
        await Poster(producer, own.settings.namespace).act("gia-lai", replied["feedback_id"], "reply", reply="Đã sửa")
        own.set_clock(SECOND_PROGRESS)
        await own.observer.wait("FeedbackOverdue", topic="feedback", subject=other["feedback_id"], rule="handle_reply", times=2)
    await own.observer.wait_clock("met", topic="feedback", subject=replied["feedback_id"], rule="handle_reply")
    await timers_at(own, SECOND_PROGRESS)
    assert not own.observer.found("FeedbackOverdue", subject=replied["feedback_id"], rule="handle_reply")


async def test_a_limit_that_the_calendar_does_not_reach_waits_for_one_that_does(own: System) -> None:
    own.set_clock(datetime(2027, 12, 28, 3, 0, tzinfo=UTC))
    body = await own.assigned()

    def told() -> dict[str, str]:
        rows = own.observer.clocks("set", topic="feedback", subject=body["feedback_id"])
        return {row.data["rule"]: row.data["due_date"] for row in rows}

    await own.observer.wait_clock("set", subject=body["feedback_id"], rule="refuse")
    await own.settled()
    assert told() == {"refuse": "2027-12-30"}, "no day is guessed"
    page = (await own.https["deadlines"].get(f"/v1/feedback/{body['code']}/deadlines")).json()
    assert {clock["rule"]: clock["state"] for clock in page["clocks"]} == {
        "refuse": "open",
        "request_more": "uncounted",
        "handle_reply": "uncounted",
    }
    uncounted = 'pakn_clocks{rule="handle_reply",state="uncounted"} 1.0'
    await until(lambda: own.measures("deadlines", uncounted), "the metric says so")
    (last,) = [year for year in own.pack.calendar.years if year.year == 2027]
    years = (*own.pack.calendar.years, last.model_copy(update={"year": 2028, "days_off": (), "working_days": ()}))
    longer = own.pack.calendar.model_copy(update={"version": "2026-09-z1", "years": years})
    assert (await calendar_change.preview(own.settings, own.pack, longer)).by_agency == {
        "gia-lai": {"first counted": 2, "overdue taken back": 0}
    }
    await calendar_change.apply(own.settings, longer, own.pack.calendar)
    (found,) = await own.observer.wait_clock("set", topic="assignments.gia-lai", subject=body["feedback_id"], rule="handle_reply")
    assert (found.data["due_date"], found.data["calendar_version"]) == ("2028-01-18", "2026-09-z1")
    await own.observer.wait_clock("set", topic="feedback", count=3, subject=body["feedback_id"])
    assert not own.observer.found(topic="dead.deadlines")
    await own.settled()
    replay = await from_topic.replay(own.settings, datetime(2027, 12, 28, 3, 0, tzinfo=UTC))
    assert await from_topic.differences(own.settings, replay) == []


async def test_a_day_without_a_rule_set_is_a_dead_letter_and_no_guess(own: System) -> None:
    own.set_clock(datetime(2020, 5, 4, 3, 0, tzinfo=UTC))
    body = await own.submit()
    (dead,) = await own.observer.wait(topic="dead.deadlines", code=body["code"])
    assert dead.headers["reason"] == "missing_rule_set"
    assert "no rule set in force on 2020-05-04" in dead.headers["reason-text"]
    await own.settled()
    assert not own.observer.found("DeadlinesChanged", subject=body["feedback_id"])
