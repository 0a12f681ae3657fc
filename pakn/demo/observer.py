"""What portals and agencies see in the demo: their own topics and the lifecycle, read from the first record on."""

import asyncio
import contextlib
import json
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from pakn.engine.kafka import assign_paused, make_consumer
from pakn.engine.kafka_login import client_options
from pakn.engine.topic_reader import all_handled, partitions_of
from pakn.settings import Settings
from schemas import parse_envelope, topics
from schemas.topics import TopicName

_BOUND_SECONDS = 180.0


class Observer:
    """Follows the topics. `seen` has, by feedback id, the (event, agency) pairs; `answers` a portal's answers by reference.

    `first` has, by code, the id of the feedback and the first fact of it.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        options = client_options(settings.kafka)
        self._consumer = make_consumer(settings.kafka, fetch_max_wait_ms=50)
        self._lengths = make_consumer(settings.kafka)
        self._admin = AIOKafkaAdminClient(**options)
        self._partitions: list[TopicPartition] = []
        self._waiting: dict[str, list[asyncio.Event]] = defaultdict(list)
        self.assigned_to: dict[str, str] = {}
        self.seen: dict[str, list[tuple[str, str]]] = defaultdict(list)
        self.answers: dict[str, dict[str, Any]] = {}
        self.first: dict[str, tuple[str, str]] = {}
        self.records = 0
        self.published = 0
        self._ids: set[str] = set()

    async def start(self) -> None:
        """Read from now on, in the background task `follow`."""
        await self._admin.start()
        await self._consumer.start()
        await self._lengths.start()
        self._partitions = await partitions_of(self._admin, self._settings.namespace)
        assign_paused(self._lengths, self._partitions)
        others = (topics.INBOX, topics.ACTIONS, topics.FILES, *topics.COMPACTED, topics.DEAD)
        self._consumer.assign([row for row in self._partitions if TopicName.parse(row.topic).family not in others])

    async def stop(self) -> None:
        """Close the connections."""
        await self._consumer.stop()
        await self._lengths.stop()
        await self._admin.close()

    async def follow(self) -> None:
        """Take in what is published, for ever."""
        while True:
            batches = await self._consumer.getmany(timeout_ms=100, max_records=2000)
            for records in batches.values():
                self.records += len(records)
                for record in records:
                    self._take(record)

    def _take(self, record: ConsumerRecord) -> None:
        family = TopicName.parse(record.topic).family
        envelope = parse_envelope(record.headers)
        data = json.loads(record.value)
        if family == topics.OUTBOX:
            reference = data.get("reference") or data["submission_id"]
            self.answers[reference] = data
            self._news(reference)
        elif family == topics.ASSIGNMENTS:
            if envelope.name == "FeedbackAssigned":
                self.assigned_to[envelope.subject] = data["agency"]
            self.seen[envelope.subject].append((f"agency:{envelope.name}", data.get("agency") or ""))
            self._news(envelope.subject)
        elif envelope.id not in self._ids:
            self._ids.add(envelope.id)
            self.published += envelope.name == "ReplyPublished"
            self.seen[envelope.subject].append((envelope.name, data.get("agency") or ""))
            self._news(envelope.subject)
            if (code := data.get("code")) and code not in self.first:
                self.first[code] = (envelope.subject, envelope.name)
                self._news(code)

    async def wait_for(self, key: str, what: str, condition: Callable[[], bool]) -> None:
        """Wait until records about `key` (a feedback id, a code or a reference) have made `condition` true.

        Raises TimeoutError that says what was waited for, when for three minutes no record of any kind has come.
        """
        while not condition():
            event = asyncio.Event()
            self._waiting[key].append(event)
            records = -1
            while not event.is_set():
                if records == self.records:
                    raise TimeoutError(f"waited {_BOUND_SECONDS:.0f} s in vain for {what}; see the services' logs")
                records = self.records
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(event.wait(), _BOUND_SECONDS)

    def _news(self, key: str) -> None:
        for event in self._waiting.pop(key, ()):
            event.set()

    async def all_handled(self) -> bool:
        """Whether every group has committed everything there is: nothing is under way between the services."""
        ends: dict[TopicPartition, int] = await self._lengths.end_offsets(self._partitions)
        if not await all_handled(self._admin, self._settings.namespace, ends):
            return False
        for partition in self._consumer.assignment():
            if await self._consumer.position(partition) < ends.get(partition, 0):
                return False
        return True
