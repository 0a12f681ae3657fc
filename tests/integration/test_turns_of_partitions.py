"""However much one party sends, the records of the others have their turn."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from itertools import pairwise

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import NewTopic

from pakn.engine import isolation, kafka, turn
from pakn.engine.kafka_login import client_options
from pakn.engine.put_off import PutOff
from pakn.local.launcher import Servers
from pakn.logins import KafkaSettings
from services.deadlines.timers.backlog import MOST_UNREAD
from tests.support.outside_world import GOOD
from tests.support.system import START, System

AT_ONCE = 500


async def flood(settings: KafkaSettings, topic: str, number: int) -> None:
    """So many records of a few bytes each, of which a compressed fetch holds hundreds of thousands."""
    async with AIOKafkaProducer(**client_options(settings), compression_type="gzip") as producer:
        await asyncio.gather(*[await producer.send(topic, key=b"k", value=b"x", partition=0) for _ in range(number)])


async def test_a_party_with_thousands_of_records_has_no_two_turns_before_the_others_had_theirs(servers: Servers) -> None:
    settings = servers.kafka()
    names = [f"turns.{party}" for party in "abc"]
    async with kafka.administering(settings) as admin:
        await admin.create_topics([NewTopic(name, 1, 1) for name in names])
    for name, number in zip(names, (5000, 5000, 5), strict=True):
        await flood(settings, name, number)
    turns: list[set[str]] = []
    unread = 10_005
    async with kafka.make_consumer(settings) as consumer:
        consumer.assign([TopicPartition(name, 0) for name in names])
        while unread:
            found = await consumer.getmany(timeout_ms=1000, max_records=AT_ONCE)
            turns.append({partition.topic for partition in found})
            unread -= sum(map(len, found.values()))
    # Which partition the first fetch brings is chance; the second one brings all that is left.
    assert set(names) == set().union(*turns[:4])
    assert all(before != after for before, after in pairwise(turns[2:-4]))


async def test_an_agency_with_thousands_of_unread_actions_holds_up_its_own_cases_only(own: System) -> None:
    case, of_other = {"subject": (await own.timed())["feedback_id"]}, await own.timed("da-nang", province="da-nang")
    other = {"topic": "feedback", "subject": of_other["feedback_id"], "rule": "handle_reply"}
    await own.stop("routing")
    await flood(own.settings.kafka, kafka.topic_name(own.settings.namespace, "actions.gia-lai"), MOST_UNREAD + 1)
    own.set_clock(START + timedelta(days=30))
    fired = len(await own.observer.wait("FeedbackOverdue", **other))
    # The next of the other agency's shows that a whole look has passed since.
    own.set_clock(START + timedelta(days=60))
    await own.observer.wait("FeedbackOverdue", count=fired + 1, **other)
    own.set_clock(START + timedelta(days=90))
    await own.observer.wait("FeedbackOverdue", count=fired + 2, **other)
    assert not [row for name in ("DeadlineWarning", "FeedbackOverdue") for row in own.observer.found(name, **case)]
    await own.start("routing")
    await own.observer.wait("FeedbackOverdue", topic="feedback", rule="handle_reply", **case)


async def test_records_that_take_long_to_refuse_have_a_share_of_the_time(own: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seventy records of 87 KB, each with 29,000 faults, kept another portal waiting for 40 seconds."""
    waited: list[str] = []

    class Counted(PutOff):
        def add(self, partitions: Iterable[TopicPartition]) -> float:
            partitions = set(partitions)
            waited.extend(partition.topic.partition(".")[2] for partition in partitions)
            return super().add(partitions)

    # Whatever is read uses up the share: of each partition one record is handled, and the others wait.
    monkeypatch.setattr(turn, "SHARE_SECONDS", 0)
    monkeypatch.setattr(isolation, "_PUT_OFF_SECONDS", 0.3)
    monkeypatch.setattr(isolation, "PutOff", Counted)
    await own.stop("intake")
    slow = [await own.post.portal("gialai-dvc", {f"k{n}": 1 for n in range(20_000)}) for _ in range(6)]
    good = await own.post.portal("danang-1022", GOOD)
    await own.start("intake")
    await own.observer.wait("SubmissionRegistered", topic="outbox.danang-1022", submission_id=good)
    refused = await own.observer.wait("SubmissionRefused", topic="outbox.gialai-dvc", count=len(slow))
    assert sorted(row.data["submission_id"] for row in refused) == sorted(slow)
    assert (waited.count("inbox.gialai-dvc"), waited.count("inbox.danang-1022")) == (len(slow) - 1, 0)
