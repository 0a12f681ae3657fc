"""What one party posts hurts no other: records that cannot be unpacked, and records that their producer takes back."""

import json
import uuid

from aiokafka import AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

from tests.support.outside_world import GOOD, lines
from tests.support.system import System

PORTALS = ("cdvcqg", "gialai-dvc", "hcm-1022", "danang-1022")


class _Bytes(str):
    """A header's name that is no UTF-8, which no ordinary client lets one send."""

    def encode(self, *_: str) -> bytes:
        return b"\xff\xfe"


async def send_raw(system: System, topic: str, batch: bytes) -> None:
    """Hand a finished batch to the broker, past the client's own checks."""
    client = AIOKafkaClient(bootstrap_servers=system.settings.kafka.bootstrap)
    await client.bootstrap()
    try:
        name = f"{system.settings.namespace}.{topic}"
        await client.force_metadata_update()
        node = client.cluster.brokers().pop().nodeId
        answer = await client.send(node, ProduceRequest(None, -1, 5000, [(name, [(0, batch)])]))
        assert answer.topics[0][1][0][1] == 0, answer
    finally:
        await client.close()


async def test_a_record_whose_header_has_no_readable_name_costs_nobody_anything_but_its_sender(system: System) -> None:
    """The library's loop was started anew behind it: others' submissions were lost for ever, with lag 0 and nothing logged."""
    builder = _DefaultRecordBatchBuilderPy(2, 0, 0, -1, -1, -1, 1 << 20)
    builder.append(0, 0, b"k", json.dumps(GOOD).encode(), [(_Bytes("x"), b"1")])
    seen = len(system.observer.found(topic="dead.intake"))
    mark = uuid.uuid4().hex[:6]
    await send_raw(system, "inbox.hcm-1022", bytes(builder.build()))
    wanted = [(portal, f"{mark}-{portal}-{number}") for number in range(12) for portal in PORTALS]
    for portal, own_id in wanted:
        await system.post.portal(portal, GOOD, own_id)
    for portal, own_id in wanted:
        await system.observer.wait("SubmissionRegistered", topic=f"outbox.{portal}", submission_id=own_id)
    (dead,) = system.observer.found(topic="dead.intake")[seen:]
    assert dead.headers["reason"] == "unreadable"
    assert dead.headers["origin"].startswith(f"{system.settings.namespace}.inbox.hcm-1022/0/")


async def test_what_a_producer_takes_back_never_happened(system: System) -> None:
    """A portal's aborted transaction was registered, and its sender was written to."""
    topic, mark = f"{system.settings.namespace}.inbox.cdvcqg", uuid.uuid4().hex[:6]
    options = {"bootstrap_servers": system.settings.kafka.bootstrap, "transactional_id": mark}
    async with AIOKafkaProducer(**options) as producer:
        for own_id, kept in ((f"{mark}-aborted", False), (f"{mark}-kept", True)):
            await producer.begin_transaction()
            await producer.send_and_wait(topic, json.dumps(GOOD).encode(), headers=lines("PortalSubmission", own_id))
            await (producer.commit_transaction() if kept else producer.abort_transaction())
    # The one that was kept lies behind the other one, so both have been read.
    await system.observer.wait("SubmissionRegistered", topic="outbox.cdvcqg", submission_id=f"{mark}-kept")
    assert not system.observer.found("SubmissionRegistered", topic="outbox.cdvcqg", submission_id=f"{mark}-aborted")
