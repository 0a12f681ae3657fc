"""The world around the services in a benchmark: senders by HTTP and by portals, and agencies that answer at once.

`engine.py` runs it in one process beside the four services. It takes part in the load, so it is as cheap as it can be and still
honest: real HTTP/1.1 and Kafka over sockets, the former by hand since a client library would cost more than what is measured.
"""

import asyncio
import contextlib
import itertools
import json
import re
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from pakn.engine.kafka import topic_name
from pakn.engine.kafka_login import client_options
from pakn.settings import Settings
from schemas import derived_id
from schemas.envelope import binary_headers

_CONNECTIONS = 64
_PORTAL_WINDOW = 256
_READ_AT_ONCE = 2000
_POSTED_AT = datetime(2026, 1, 5, 2, tzinfo=UTC)


class World:
    """Sends `bodies`, every second one by a portal's topic, and answers as the agencies. Times are of this machine's clock."""

    def __init__(self, settings: Settings, intake_port: int, bodies: Sequence[dict[str, Any]], portals: Sequence[str]) -> None:
        self._settings = settings
        self._port = intake_port
        self._bodies = bodies
        self._portals = portals
        self._producer = AIOKafkaProducer(**client_options(settings.kafka), acks="all", enable_idempotence=True)
        self._consumer = AIOKafkaConsumer(**client_options(settings.kafka))
        self._watcher = AIOKafkaConsumer(**client_options(settings.kafka))
        self._window = asyncio.Semaphore(_PORTAL_WINDOW)
        self._prefix = len(settings.namespace) + 1
        self._action_ids = itertools.count()
        self.submitted: dict[str, float] = {}
        self.assigned: dict[str, float] = {}
        self.outcomes: dict[str, dict[str, Any]] = {}
        self.refused = 0

    @contextlib.asynccontextmanager
    async def running(self, partitions: Sequence[TopicPartition]) -> AsyncIterator[None]:
        """Answer until the block ends; `partitions` are all of the namespace, of which portals and agencies read their own.

        Raises what stopped the agencies, if anything did.
        """
        async with self._producer, self._consumer, self._watcher:
            self._consumer.assign([row for row in partitions if row.topic[self._prefix :].startswith(("assignments.", "outbox."))])
            await self._consumer.seek_to_beginning()
            # Ends of topics that a consumer is not assigned to take it seconds to find, one topic after the other.
            self._watcher.assign(list(partitions))
            self._watcher.pause(*partitions)
            await self.ends()
            following = asyncio.create_task(self._follow())
            try:
                yield
            finally:
                following.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await following

    async def ends(self) -> dict[TopicPartition, int]:
        """Up to which offset each partition of the namespace is filled."""
        found: dict[TopicPartition, int] = await self._watcher.end_offsets(list(self._watcher.assignment()))
        return found

    async def send_all(self) -> None:
        """Submit everything as fast as it is taken; returns when each submission has its answer or stands in Kafka."""
        by_http = ((number, body) for number, body in enumerate(self._bodies) if number % 2 == 0)
        by_portal = ((number, body) for number, body in enumerate(self._bodies) if number % 2)
        senders = [self._http_sender(by_http) for _ in range(_CONNECTIONS)]
        await asyncio.gather(*senders, self._portal_sender(by_portal))

    async def _http_sender(self, work: Iterator[tuple[int, dict[str, Any]]]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        for number, body in work:
            data = json.dumps(body, ensure_ascii=False).encode()
            head = (
                "POST /v1/feedback HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                f"Idempotency-Key: {derived_id('bench', str(number))}\r\nContent-Length: {len(data)}\r\n\r\n"
            )
            started = time.time()
            writer.write(head.encode() + data)
            answer = await reader.readuntil(b"\r\n\r\n")
            length = int(re.search(rb"content-length: *(\d+)", answer, re.IGNORECASE)[1])  # type: ignore[index]
            content = json.loads(await reader.readexactly(length))
            if not answer.startswith(b"HTTP/1.1 201"):
                raise RuntimeError(f"intake answered {answer[:40]!r}: {content}")
            self.submitted.setdefault(content["feedback_id"], started)
            self.outcomes[str(number)] = content
        writer.close()

    async def _portal_sender(self, work: Iterator[tuple[int, dict[str, Any]]]) -> None:
        for number, body in work:
            await self._window.acquire()
            portal = self._portals[number // 2 % len(self._portals)]
            data = json.dumps(body | {"reference": str(number)}, ensure_ascii=False).encode()
            # The feedback's id follows from the portal's own id, so its time can be noted before the answer is there.
            feedback_id = derived_id(derived_id(portal, f"bench-{number}"), "feedback")
            self.submitted[feedback_id] = time.time()
            await self._post(f"inbox.{portal}", f"bench-{number}", "PortalSubmission", f"bench-{number}", data)

    async def _follow(self) -> None:
        while True:
            batches = await self._consumer.getmany(timeout_ms=1000, max_records=_READ_AT_ONCE)
            now = time.time()
            for records in batches.values():
                for record in records:
                    await self._take(record, now)

    async def _take(self, record: ConsumerRecord, now: float) -> None:
        family, _, who = record.topic[self._prefix :].partition(".")
        kind = next(value for name, value in record.headers if name == "ce_type")
        if kind == b"pakn.SubmissionProgressed.v1":
            return
        if family == "outbox":
            answer = json.loads(record.value)
            self.refused += kind != b"pakn.SubmissionRegistered.v1"
            if reference := answer.get("reference"):
                self.outcomes[reference] = answer
            self._window.release()
        elif kind == b"pakn.ActionRefused.v1":
            self.refused += 1
        elif kind == b"pakn.FeedbackAssigned.v1":
            feedback_id = record.key.decode()
            if self.assigned.setdefault(feedback_id, now) is now:
                await self._answer(who, feedback_id)

    async def _answer(self, agency: str, feedback_id: str) -> None:
        """Accept, reply and publish at once; the check of the reply is a second person's."""
        reply = {"reply": "Đã kiểm tra thực tế và xử lý xong. " * 6, "document_number": "1/TB"}
        for action, actor, more in (("accept", "officer-1", {}), ("reply", "officer-1", reply), ("publish", "officer-2", {})):
            step = {"action": action, "actor": actor} | more
            data = json.dumps(step | {"feedback_id": feedback_id}, ensure_ascii=False).encode()
            await self._post(f"actions.{agency}", f"bench-{next(self._action_ids)}", "AgencyAction", feedback_id, data)

    async def _post(self, topic: str, own_id: str, kind: str, key: str, data: bytes) -> None:
        headers = binary_headers(id=own_id, type=f"pakn.{kind}.v1", source="/bench", time=_POSTED_AT)
        lines = [(name, value.encode()) for name, value in headers.items()]
        await self._producer.send(topic_name(self._settings.namespace, topic), data, key=key.encode(), headers=lines)
