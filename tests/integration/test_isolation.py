"""What one party posts hurts no other: records that cannot be unpacked, and records that their producer takes back."""

import json
import uuid

from aiokafka import AIOKafkaProducer

from pakn.engine.kafka import MAX_RECORD_BYTES
from pakn.engine.kafka_login import client_options
from tests.support.outside_world import GOOD, lines
from tests.support.raw_batches import ZSTD, NotUtf8, RawSender, batch
from tests.support.system import System

PORTALS = ("cdvcqg", "gialai-dvc", "hcm-1022", "danang-1022")


async def test_a_record_whose_header_has_no_readable_name_costs_nobody_anything_but_its_sender(system: System) -> None:
    """The library's loop was started anew behind it: others' submissions were lost for ever, with lag 0 and nothing logged."""
    seen = len(system.observer.found(topic="dead.intake"))
    mark = uuid.uuid4().hex[:6]
    async with RawSender(system.settings) as sender:
        assert await sender.send("inbox.hcm-1022", batch([(b"k", json.dumps(GOOD).encode(), [(NotUtf8("x"), b"1")])])) == 0
    wanted = [(portal, f"{mark}-{portal}-{number}") for number in range(12) for portal in PORTALS]
    for portal, own_id in wanted:
        await system.post.portal(portal, GOOD, own_id)
    for portal, own_id in wanted:
        await system.observer.wait("SubmissionRegistered", topic=f"outbox.{portal}", submission_id=own_id)
    (dead,) = system.observer.found(topic="dead.intake")[seen:]
    assert dead.headers["reason"] == "unreadable"
    assert dead.headers["origin"].startswith(f"{system.settings.namespace}.inbox.hcm-1022/0/")


async def test_a_dead_letter_that_the_broker_finds_too_large_is_named_and_those_behind_it_are_kept(system: System) -> None:
    """The client library counts no headers, so that it is the broker that refuses such a letter, among others on their way."""
    seen, mark = len(system.observer.found(topic="dead.intake")), uuid.uuid4().hex[:6]
    headers = [(f"h{number}", b"v" * 2000) for number in range(50)]
    wrong = [(b"k", b"%d" % number, lines("PortalSubmission", f"{mark}-{number}")) for number in range(5)]
    wrong[2] = (b"large", b"x" * (MAX_RECORD_BYTES - 300), [*wrong[2][2], *headers])
    async with RawSender(system.settings) as sender:
        assert await sender.send("inbox.hcm-1022", batch(wrong, ZSTD)) == 0
    await system.post.portal("hcm-1022", GOOD, f"{mark}-after")
    await system.observer.wait("SubmissionRegistered", topic="outbox.hcm-1022", submission_id=f"{mark}-after")
    await system.settled("intake")
    letters = sorted(system.observer.found(topic="dead.intake")[seen:], key=lambda row: row.headers["original-ce_id"])
    assert [row.value for row in letters] == [b"0", b"1", b"", b"3", b"4"]
    assert letters[2].headers["value-left-out"] == str(MAX_RECORD_BYTES - 300)


async def test_what_a_producer_takes_back_never_happened(system: System) -> None:
    """A portal's aborted transaction was registered, and its sender was written to."""
    topic, mark = f"{system.settings.namespace}.inbox.cdvcqg", uuid.uuid4().hex[:6]
    options = client_options(system.settings.kafka) | {"transactional_id": mark}
    async with AIOKafkaProducer(**options) as producer:
        for own_id, kept in ((f"{mark}-aborted", False), (f"{mark}-kept", True)):
            await producer.begin_transaction()
            await producer.send_and_wait(topic, json.dumps(GOOD).encode(), headers=lines("PortalSubmission", own_id))
            await (producer.commit_transaction() if kept else producer.abort_transaction())
    # The one that was kept lies behind the other one, so both have been read.
    await system.observer.wait("SubmissionRegistered", topic="outbox.cdvcqg", submission_id=f"{mark}-kept")
    assert not system.observer.found("SubmissionRegistered", topic="outbox.cdvcqg", submission_id=f"{mark}-aborted")
