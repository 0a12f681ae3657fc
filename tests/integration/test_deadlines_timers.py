"""The law's timers on a real Kafka: each rung once and in order, after any downtime, and none that a reply came before."""

from datetime import UTC, datetime, timedelta
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from pakn import metrics
from services.deadlines import calendar_change
from services.deadlines.replay import from_topic
from tests.support.outside_world import until
from tests.support.system import START, System

# Sent on 2 March 2026: the reply is due at the end of the 23rd.
LADDER = [
    ("DeadlineWarning", "handle_reply", 3),
    ("DeadlineWarning", "handle_reply", 1),
    ("FeedbackOverdue", "handle_reply", 0),
    ("FeedbackOverdue", "handle_reply", 1),
    ("FeedbackOverdue", "handle_reply", 2),
]
SECOND_PROGRESS = datetime(2026, 4, 6, 17, 0, tzinfo=UTC)


def rungs(system: System, body: dict[str, Any], topic: str = "feedback") -> list[tuple[str, str, int]]:
    """What fired for a feedback in the order of the topic, each fact once."""
    found: dict[str, tuple[str, str, int]] = {}
    for row in system.observer.found(topic=topic, subject=body["feedback_id"]):
        if row.name in ("DeadlineWarning", "FeedbackOverdue") and row.data["rule"] == "handle_reply":
            found.setdefault(row.id, (row.name, row.data["rule"], row.data.get("days_before", row.data.get("times"))))
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
    await system.observer.all_read()


async def test_rungs_fire_once_each_and_in_order_as_time_passes(own: System) -> None:
    body = await own.assigned()
    await own.observer.wait("DeadlineSet", subject=body["feedback_id"], rule="handle_reply")
    now = START
    while now < SECOND_PROGRESS:
        now += timedelta(days=4)
        own.set_clock(now)
        await fired_until(own, now)
    assert rungs(own, body) == LADDER
    assert rungs(own, body, "assignments.gia-lai") == LADDER
    copies = [row.id for row in own.observer.found("FeedbackOverdue", topic="feedback", subject=body["feedback_id"])]
    assert len(copies) == len(set(copies)), "with one instance and no crash nothing is published twice"


async def test_after_weeks_of_downtime_every_rung_fires_once_and_in_order(own: System) -> None:
    bodies = [await own.assigned() for _ in range(5)]
    for body in bodies:
        await own.observer.wait("DeadlineSet", subject=body["feedback_id"], rule="handle_reply")
    await own.stop("deadlines")
    own.set_clock(SECOND_PROGRESS + timedelta(hours=1))
    await own.start("deadlines")
    await fired_until(own, SECOND_PROGRESS)
    for body in bodies:
        assert rungs(own, body) == LADDER
    await own.stop("deadlines")
    await own.start("deadlines")
    await fired_until(own, SECOND_PROGRESS)
    copies = [row.id for row in own.observer.found("FeedbackOverdue", topic="feedback")]
    assert len(copies) == len(set(copies)), "a restart fires nothing again"


async def test_a_closed_case_is_never_warned_of_nor_overdue(own: System) -> None:
    published, refused = await own.assigned(), await own.assigned()
    await own.post.act("gia-lai", published["feedback_id"], "reply", reply="Đã sửa")
    await own.post.act("gia-lai", published["feedback_id"], "publish", "cb2")
    await own.post.act("gia-lai", refused["feedback_id"], "refuse", reason="Không thuộc phạm vi")
    await own.observer.wait("ReplyPublished", subject=published["feedback_id"])
    await own.observer.wait("FeedbackNotAccepted", subject=refused["feedback_id"])
    await own.settled()
    own.set_clock(datetime(2026, 12, 1, tzinfo=UTC))
    await fired_until(own, datetime(2026, 12, 1, tzinfo=UTC))
    assert not own.observer.found("DeadlineWarning")
    assert not own.observer.found("FeedbackOverdue")


async def test_a_reply_in_time_that_is_handled_after_downtime_is_not_overdue(own: System) -> None:
    """The fact was in the lifecycle topic before the deadline; only deadlines itself was down."""
    body = await own.assigned()
    await own.observer.wait("DeadlineSet", subject=body["feedback_id"], rule="handle_reply")
    await own.stop("deadlines")
    own.set_clock(datetime(2026, 3, 23, 16, 59, tzinfo=UTC))
    await own.post.act("gia-lai", body["feedback_id"], "reply", reply="Đã sửa")
    await own.observer.wait("FeedbackReplied", subject=body["feedback_id"])
    own.set_clock(SECOND_PROGRESS)
    await own.start("deadlines")
    (met,) = await own.observer.wait("DeadlineMet", subject=body["feedback_id"], rule="handle_reply")
    assert met.data["late"] is False
    await fired_until(own, SECOND_PROGRESS)
    assert [name for name, _, _ in rungs(own, body)] == ["DeadlineWarning", "DeadlineWarning"]


async def test_a_reply_in_time_is_not_overdue_when_everything_was_down(own: System) -> None:
    """The action was in the agency's topic before the deadline, and nobody was there to make a fact of it."""
    body = await own.assigned()
    await own.observer.wait("DeadlineSet", subject=body["feedback_id"], rule="handle_reply")
    await own.stop("routing", "deadlines")
    own.set_clock(datetime(2026, 3, 23, 16, 59, tzinfo=UTC))
    await own.post.act("gia-lai", body["feedback_id"], "reply", reply="Đã sửa")
    own.set_clock(SECOND_PROGRESS)
    await own.start("deadlines")
    await own.settled("deadlines")
    await own.start("routing")
    (met,) = await own.observer.wait("DeadlineMet", subject=body["feedback_id"], rule="handle_reply")
    assert met.data["late"] is False
    await fired_until(own, SECOND_PROGRESS)
    assert [name for name, _, _ in rungs(own, body)] == ["DeadlineWarning", "DeadlineWarning"]


async def test_the_end_of_a_transaction_or_removed_records_in_one_agencys_topic_hold_no_timer_back(own: System) -> None:
    """Both leave offsets that nobody ever commits; the timers of all agencies once waited for them for ever."""
    body = await own.assigned()
    await own.observer.wait("DeadlineSet", subject=body["feedback_id"], rule="handle_reply")
    bootstrap, topic = own.settings.kafka.bootstrap, f"{own.settings.namespace}.actions.da-nang"
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=topic)
    async with producer, producer.transaction():
        await producer.send_and_wait(topic, b"not an action")
    await own.observer.wait("ActionRefused", topic="assignments.da-nang")
    now = START + timedelta(days=4)
    own.set_clock(now)
    await timers_at(own, now)

    await own.stop("routing")
    other = f"{own.settings.namespace}.actions.bo-noi-vu"
    await own.post.raw("actions.bo-noi-vu", b"not an action either")
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.delete_records({TopicPartition(other, 0): RecordsToDelete(before_offset=1)})
    await admin.close()
    now += timedelta(days=1)
    own.set_clock(now)
    await timers_at(own, now)


async def test_a_late_reply_is_overdue_even_when_both_are_handled_in_one_batch(own: System) -> None:
    body = await own.assigned()
    await own.observer.wait("DeadlineSet", subject=body["feedback_id"], rule="handle_reply")
    await own.stop("deadlines")
    own.set_clock(datetime(2026, 3, 25, 3, 0, tzinfo=UTC))
    await own.post.act("gia-lai", body["feedback_id"], "reply", reply="Đã sửa")
    await own.observer.wait("FeedbackReplied", subject=body["feedback_id"])
    await own.start("deadlines")
    (met,) = await own.observer.wait("DeadlineMet", subject=body["feedback_id"], rule="handle_reply")
    assert met.data["late"] is True
    await fired_until(own, datetime(2026, 3, 25, 3, 0, tzinfo=UTC))
    assert rungs(own, body) == LADDER[:3]


async def test_a_limit_that_the_calendar_does_not_reach_waits_for_one_that_does(own: System) -> None:
    own.set_clock(datetime(2027, 12, 28, 3, 0, tzinfo=UTC))
    body = await own.assigned()

    def told() -> dict[str, str]:
        rows = own.observer.found("DeadlineSet", topic="feedback", subject=body["feedback_id"])
        return {row.data["rule"]: row.data["due_date"] for row in rows}

    await own.observer.wait("DeadlineSet", subject=body["feedback_id"], rule="refuse")
    await own.settled()
    assert told() == {"refuse": "2027-12-30"}, "no day is guessed"
    page = (await own.https["deadlines"].get(f"/v1/feedback/{body['code']}/deadlines")).json()
    assert {clock["rule"]: clock["state"] for clock in page["clocks"]} == {
        "refuse": "open",
        "request_more": "uncounted",
        "handle_reply": "uncounted",
    }

    async def is_measured() -> bool:
        text = (await own.https["deadlines"].get("/metrics")).text
        return 'pakn_clocks{rule="handle_reply",state="uncounted"} 1.0' in text

    await until(is_measured, "the metric says so")
    (last,) = [year for year in own.pack.calendar.years if year.year == 2027]
    years = (*own.pack.calendar.years, last.model_copy(update={"year": 2028, "days_off": (), "working_days": ()}))
    longer = own.pack.calendar.model_copy(update={"version": "2026-09-z1", "years": years})
    assert (await calendar_change.preview(own.settings, own.pack, longer)).by_agency == {
        "gia-lai": {"first counted": 2, "overdue taken back": 0}
    }
    await calendar_change.apply(own.settings, longer, own.pack.calendar)
    (found,) = await own.observer.wait("DeadlineSet", topic="assignments.gia-lai", subject=body["feedback_id"], rule="handle_reply")
    assert (found.data["due_date"], found.data["calendar_version"]) == ("2028-01-18", "2026-09-z1")
    await own.observer.wait("DeadlineSet", topic="feedback", count=3, subject=body["feedback_id"])
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
    assert not own.observer.found("DeadlineSet", subject=body["feedback_id"])
