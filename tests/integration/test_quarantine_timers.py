"""An agency's actions wait: the timers of all other agencies go on, and its own replies are not overtaken."""

from datetime import timedelta

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from pakn.engine import isolation, turn
from pakn.engine.kafka_login import client_options
from pakn.engine.quarantine import Standing
from pakn.engine.quarantine_store import QuarantineStore
from pakn.operations import quarantine
from services.deadlines.timers.backlog import MOST_UNREAD
from tests.integration.conftest import MakeSystem
from tests.support.outside_world import until
from tests.support.system import START


async def test_an_agency_in_quarantine_holds_up_its_own_timers_only_until_it_is_released(make_system: MakeSystem) -> None:
    async with make_system() as system:
        await system.start("intake", "routing", "deadlines")
        replied, other = await system.timed("gia-lai"), await system.timed("da-nang", province="da-nang")
        await system.stop("routing")
        partition = TopicPartition(f"{system.settings.namespace}.actions.gia-lai", 0)
        quarantined = Standing(at=0, blamed_at=0, ends=3, quarantined=0)
        await QuarantineStore(system.documents("routing")).take("a process that is gone", {}, {partition: quarantined}, START)
        await system.start("routing")
        (row,) = await quarantine.waiting(system.settings)
        series = f'pakn_quarantined_partitions{{partition="0",topic="{partition.topic}"}} 1.0'
        await until(lambda: system.measures("routing", series), "the partition is in quarantine")
        await system.post.act("gia-lai", replied["feedback_id"], "reply", reply="Đã sửa")

        system.set_clock(START + timedelta(days=40))
        await system.observer.wait("FeedbackOverdue", topic="feedback", subject=other["feedback_id"], rule="handle_reply")
        for code in (replied["feedback_id"], other["feedback_id"]):
            overdue = system.observer.found("FeedbackOverdue", topic="feedback", subject=code, rule="handle_reply")
            assert bool(overdue) == (code == other["feedback_id"])
        assert await quarantine.release(system.settings, row)
        await system.observer.wait("FeedbackReplied", topic="feedback", subject=replied["feedback_id"])
        await system.observer.wait_clock("met", topic="feedback", subject=replied["feedback_id"], rule="handle_reply")
        await system.settled()
        assert not system.observer.found("FeedbackOverdue", subject=replied["feedback_id"], rule="handle_reply")
        assert await quarantine.waiting(system.settings) == []


async def test_an_agency_whose_actions_are_costly_holds_up_its_own_timers_only(
    make_system: MakeSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixty actions of 72 KB stopped everybody's timers for four minutes: their partition rests after each share of its time."""
    monkeypatch.setattr(turn, "SHARE_SECONDS", 0.001)
    monkeypatch.setattr(isolation, "_PUT_OFF_SECONDS", 3600)
    async with make_system() as system:
        await system.start("intake", "routing", "deadlines")
        costly, other = await system.timed("gia-lai"), await system.timed("da-nang", province="da-nang")
        # Together they are one batch; one by one, a fast machine would have read each before the next is there.
        await system.stop("routing")
        for _ in range(3):
            await system.post.act("gia-lai", costly["feedback_id"], "reply", reply="x", attachments=[1] * 24_000)
        await system.post.act("gia-lai", costly["feedback_id"], "reply", reply="Đã sửa")
        await system.start("routing")
        series = f'pakn_waiting_partitions{{partition="0",topic="{system.settings.namespace}.actions.gia-lai"}} 1.0'
        await until(lambda: system.measures("routing", series), "the partition rests")

        system.set_clock(START + timedelta(days=40))
        await system.observer.wait("FeedbackOverdue", topic="feedback", subject=other["feedback_id"], rule="handle_reply")
        assert not system.observer.found("FeedbackOverdue", subject=costly["feedback_id"], rule="handle_reply")


async def test_a_transaction_that_was_given_up_holds_up_no_timer_of_its_agency(make_system: MakeSystem) -> None:
    """Routing never commits behind such records, so a hundred of them looked unread for as long as the agency was silent."""
    async with make_system() as system:
        await system.start("intake", "routing", "deadlines")
        body = await system.timed("gia-lai")
        producer = AIOKafkaProducer(**client_options(system.settings.kafka), transactional_id="gives-up")
        await producer.start()
        try:
            await producer.begin_transaction()
            for _ in range(MOST_UNREAD + 50):
                await producer.send(f"{system.settings.namespace}.actions.gia-lai", b"{}")
            await producer.flush()
            await producer.abort_transaction()
        finally:
            await producer.stop()
        system.set_clock(START + timedelta(days=40))
        await system.observer.wait("FeedbackOverdue", topic="feedback", subject=body["feedback_id"], rule="handle_reply")
