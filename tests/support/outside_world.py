"""The world around the services, for tests: portals and agencies that post, an observer that reads every topic.

It knows the public interfaces only: topics, envelopes, HTTP. `tests/support/system.py` puts it next to running services.
"""

import asyncio
import base64
import json
import time
import uuid
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from inspect import isawaitable
from typing import Any, NamedTuple, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from pakn.engine import kafka, tolerant_records
from pakn.engine.kafka_login import client_options
from pakn.logins import KafkaSettings
from schemas.envelope import binary_headers
from schemas.fault_codes import FAULT_CODES

T = TypeVar("T")
MAX_BYTES = 16 * 1024 * 1024
SENDER = {"name": "Nguyễn Văn Thử", "address": "1 Hùng Vương", "phone": "0900000000", "email": "thu@example.org"}
MATTER: dict[str, Any] = {"category": "khac", "title": "Đường hỏng", "content": "Ổ gà trên đường", "province": "gia-lai"}
GOOD: dict[str, Any] = MATTER | {"sender": SENDER}


async def until(condition: Callable[[], T | Awaitable[T]], what: str, seconds: float = 90) -> T:
    """Ask again and again until `condition` gives something true, and return it. Fails with `what` after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        answer = condition()
        found: T = await answer if isawaitable(answer) else answer
        if found:
            return found
        assert time.monotonic() < end, f"not within {seconds:g} s: {what}"
        await asyncio.sleep(0.05)


async def until_empty(
    what_is_left: Callable[[], Awaitable[Any]], what: str, seconds: float = 90, status: Callable[[], Awaitable[Any]] | None = None
) -> None:
    """Ask again and again until nothing is left. Fails with `what`, what is still left, and `status`, after `seconds`."""
    end = time.monotonic() + seconds
    while left := await what_is_left():
        if time.monotonic() > end:
            said = await status() if status else ""
            raise AssertionError(f"not within {seconds:g} s: {what}; left: {str(left)[:1000]} {said}")
        # These questions are not cheap, and what they wait for shares the machine with them.
        await asyncio.sleep(0.25)


@dataclass(frozen=True)
class Seen:
    """A record as anybody who reads the topic sees it. `topic` is without the namespace."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, str]

    @property
    def id(self) -> str:
        return self.headers.get("ce_id", "")

    @property
    def faulty(self) -> list[str]:
        """The fields that a refusal names; the code of each fault is of the contract."""
        assert all(fault["code"] in FAULT_CODES for fault in self.data["faults"])
        return sorted(fault["field"] for fault in self.data["faults"])

    @cached_property
    def name(self) -> str:
        return self.headers.get("ce_type", "").removeprefix("pakn.").partition(".")[0]

    @property
    def subject(self) -> str:
        return self.headers.get("ce_subject", "")

    @cached_property
    def data(self) -> dict[str, Any]:
        """The value as a JSON object; empty where it is none."""
        try:
            found = json.loads(self.value or b"{}")
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


class OneClock(NamedTuple):
    """What one fact says of one clock: where the fact stands, its id and its case, and the entry of the clock."""

    topic: str
    id: str
    subject: str
    data: dict[str, Any]


class Observer:
    """Reads all records of the given topics from the beginning on, as they come."""

    def __init__(self, settings: KafkaSettings, namespace: str, topics: Iterable[str]) -> None:
        # It reads what hostile senders post too, and is not to be ended by it.
        tolerant_records.install()
        self._consumer = AIOKafkaConsumer(
            *(f"{namespace}.{topic}" for topic in topics),
            **client_options(settings),
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=MAX_BYTES,
        )
        self._prefix = len(namespace) + 1
        self.records: list[Seen] = []
        self._by_name: dict[str, list[Seen]] = defaultdict(list)

    async def __aenter__(self) -> "Observer":
        await self._consumer.start()
        self._task = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._consumer.stop()

    async def _read(self) -> None:
        async for record in self._consumer:
            headers = {key: value.decode(errors="replace") for key, value in record.headers if value is not None}
            place = (record.topic[self._prefix :], record.partition, record.offset)
            seen = Seen(*place, record.key, record.value, headers)
            self.records.append(seen)
            self._by_name[seen.name].append(seen)

    def found(self, name: str | None = None, *, topic: str | None = None, subject: str | None = None, **data: Any) -> list[Seen]:
        """The records with this event name, topic, subject and these fields, as they came."""
        return [
            record
            for record in list(self.records if name is None else self._by_name[name])
            if (topic is None or record.topic == topic)
            and (subject is None or record.subject == subject)
            and all(record.data.get(key) == value for key, value in data.items())
        ]

    async def wait(self, name: str | None = None, *, count: int = 1, **what: Any) -> list[Seen]:
        """The records that `found` finds, once there are `count` of them with different ids."""

        def enough() -> list[Seen]:
            rows = self.found(name, **what)
            return rows if len({(row.topic, row.id) for row in rows}) >= count else []

        return await until(enough, f"{count} x {name} {what}")

    def clocks(self, kind: str, *, topic: str | None = None, subject: str | None = None, **data: Any) -> list[OneClock]:
        """What the lists `kind` of `DeadlinesChanged` hold with these fields, as it came."""
        return [
            OneClock(row.topic, row.id, row.subject, clock)
            for row in self.found("DeadlinesChanged", topic=topic, subject=subject)
            for clock in row.data[kind]
            if data.items() <= clock.items()
        ]

    async def wait_clock(self, kind: str, *, count: int = 1, **what: Any) -> list[OneClock]:
        """What `clocks` finds, once there are `count` of them in different facts or about different clocks."""

        def enough() -> list[OneClock]:
            rows = self.clocks(kind, **what)
            return rows if len({(row.topic, row.id, row.data["clock_id"]) for row in rows}) >= count else []

        return await until(enough, f"{count} x {kind} {what}")

    async def all_read(self) -> None:
        """Wait until everything that is in the topics now has been seen."""
        ends = await self._consumer.end_offsets(list(self._consumer.assignment()))

        async def there() -> bool:
            return all([await self._consumer.position(partition) >= end for partition, end in ends.items()])

        await until(there, "the observer reads to the end", 30)
        await asyncio.sleep(0)


class Poster:
    """Posts to topics as portals and agencies do, or as anybody who gets it wrong, by a producer that is connected."""

    def __init__(self, producer: AIOKafkaProducer, namespace: str) -> None:
        self._producer = producer
        self._namespace = namespace

    async def raw(
        self, topic: str, value: bytes | None, headers: Iterable[tuple[str, bytes | None]] = (), key: bytes | None = None
    ) -> None:
        """Any bytes with any headers."""
        await self._producer.send_and_wait(f"{self._namespace}.{topic}", value, key=key, headers=list(headers))

    async def event(self, topic: str, kind: str, data: Any, event_id: str | None, key: str = "") -> str:
        """A CloudEvent of the type `kind`; returns its id."""
        own_id = event_id or str(uuid.uuid4())
        await self.raw(topic, json.dumps(data, ensure_ascii=False).encode(), lines(kind, own_id), key.encode())
        return own_id

    async def portal(self, portal: str, submission: dict[str, Any], event_id: str | None = None) -> str:
        """Post a submission as `portal`."""
        return await self.event(f"inbox.{portal}", "PortalSubmission", submission, event_id)

    async def sender_act(self, portal: str, kind: str, event_id: str | None = None, **act: Any) -> str:
        """Post a supplement (`PortalSupplement`), a rating (`PortalRating`) or an objection (`PortalObjection`) as `portal`."""
        return await self.event(f"inbox.{portal}", kind, act, event_id)

    async def reply_file(self, agency: str, feedback_id: str, name: str, content: bytes, event_id: str | None = None) -> str:
        """Post a file for a reply as `agency`."""
        data = {"feedback_id": feedback_id, "actor": "cb1", "name": name, "content_base64": base64.b64encode(content).decode()}
        return await self.event(f"files.{agency}", "ReplyFile", data, event_id, key=feedback_id)

    async def act(
        self, agency: str, feedback_id: str, action: str, actor: str = "cb1", event_id: str | None = None, **more: Any
    ) -> str:
        """Post an action as `agency`."""
        data = {"action": action, "feedback_id": feedback_id, "actor": actor} | more
        return await self.event(f"actions.{agency}", "AgencyAction", data, event_id, key=feedback_id)


async def read_again(settings: KafkaSettings, namespace: str, services: Iterable[str]) -> None:
    """Set the committed offsets of services that do not run back to the beginning, as an operator does with Kafka's tools."""
    for service in services:
        group = f"{namespace}.{service}"
        consumer = AIOKafkaConsumer(**client_options(settings), group_id=group, enable_auto_commit=False)
        async with kafka.administering(settings) as admin, consumer:
            committed = await admin.list_consumer_group_offsets(group)
            assert committed, f"{group} has committed nothing yet"
            consumer.assign(list(committed))
            await consumer.commit(dict.fromkeys(committed, 0))


def lines(kind: str, event_id: str, **more: bytes | None) -> list[tuple[str, bytes | None]]:
    """The headers of a CloudEvent about an event of the first version; `more` replaces some."""
    sent_at = datetime(2026, 3, 2, 3, tzinfo=UTC)
    headers = binary_headers(id=event_id, type=f"pakn.{kind}.v1", source="/outside", time=sent_at)
    return list(({name: text.encode() for name, text in headers.items()} | more).items())
