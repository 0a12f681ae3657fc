"""Thousands of odd, wrong and broken records among good ones: each good one arrives once, each other is answered for, all live.

`FUZZ_SEED` and `FUZZ_RECORDS` choose what is sent; `make fuzz` sends ten thousand records.
"""

import os
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiokafka import TopicPartition

from pakn.engine import kafka
from pakn.local.launcher import Servers
from schemas.topics import SERVICES
from tests.support.deployment import Deployment, deployed
from tests.support.odd_records import Fate, Odd, OddRecords
from tests.support.outside_world import GOOD, until
from tests.support.raw_batches import RawSender

_MB = 1024
# A batch of 16 MB is held a few times while it is read, a dead letter of 6 MB a dozen times while it is sent.
MOST_MORE = 300 * _MB
PORTALS = ("cdvcqg", "gialai-dvc", "danang-1022", "hcm-1022")
REFUSALS = ("SubmissionRefused", "SenderActRefused", "ActionRefused")
RECORDS = int(os.environ.get("FUZZ_RECORDS") or 1000)
SEED = int(os.environ.get("FUZZ_SEED") or random.randrange(1_000_000))
Place = tuple[str, int]


@pytest.fixture(scope="module")
async def deployment(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Deployment]:
    # Letters and timers are not what is looked at, and cost the database as much as all the rest.
    slow = {"PAKN_NOTIFY__TICK_SECONDS": "600", "PAKN_DEADLINES__TICK_SECONDS": "5"}
    async with deployed(servers, tmp_path_factory.mktemp("fuzz"), **slow) as made:
        yield made


@dataclass
class Sent:
    """What the broker has taken, by topic and offset, and how many batches it has refused."""

    records: dict[Place, Odd] = field(default_factory=dict)
    broken: list[tuple[str, int, int]] = field(default_factory=list)
    plain: list[tuple[str, str]] = field(default_factory=list)
    refused: Counter[int] = field(default_factory=Counter)

    def of(self, fate: Fate, family: str) -> dict[Place, Odd]:
        return {place: row for place, row in self.records.items() if row.fate is fate and place[0].startswith(family)}


async def some_cases(deployment: Deployment, count: int) -> list[tuple[str, str]]:
    """Feedbacks that wait for an agency to accept them."""
    provinces = ("gia-lai", "da-nang", "hue")
    own_ids = [
        await deployment.post.portal("cdvcqg", GOOD | {"province": provinces[number % 3]}, f"case-{number}")
        for number in range(count)
    ]
    rows = await deployment.observer.wait("FeedbackAssigned", topic="feedback", count=len(own_ids))
    return [(str(row.data["agency"]), row.subject) for row in rows]


async def send_all(deployment: Deployment, made: OddRecords) -> Sent:
    """Send until `RECORDS` records have been taken or refused, with ordinary producers' records between."""
    sent, number = Sent(), 0
    async with RawSender(deployment.settings) as sender:
        while number < RECORDS:
            batch = made.batch()
            number += len(batch.records) or 1
            error, first = await sender.place(batch.topic, batch.raw)
            if error:
                sent.refused[error] += 1
            elif batch.broken:
                sent.broken.append((batch.topic, first, batch.broken))
            else:
                sent.records |= {(batch.topic, first + place): row for place, row in enumerate(batch.records)}
            if number % 3 == 0:
                portal = PORTALS[number % len(PORTALS)]
                sent.plain.append((portal, await deployment.post.portal(portal, GOOD, f"plain-{number}")))
    return sent


async def read_to_the_end(deployment: Deployment) -> None:
    """Wait until each service has committed everything in its topics."""
    settings = deployment.settings

    async def left() -> dict[TopicPartition, int]:
        behind: dict[TopicPartition, int] = {}
        for service in SERVICES:
            committed = await admin.list_consumer_group_offsets(kafka.group_name(settings.namespace, service))
            ends = await consumer.end_offsets(list(committed))
            behind |= {place: ends[place] - row.offset for place, row in committed.items() if row.offset < ends[place]}
        return behind

    async def done() -> bool:
        return not await left()

    async with kafka.administering(settings.kafka) as admin, kafka.make_consumer(settings.kafka) as consumer:
        await until(done, "every service has committed all of its topics", 120 + RECORDS / 10)


def places(rows: list[str], namespace: str) -> Counter[Place]:
    """How often each place (of the first partition) is named, as topic/partition/offset."""
    found: Counter[Place] = Counter()
    for row in rows:
        topic, _, offset = row.rsplit("/", 2)
        found[topic.removeprefix(f"{namespace}."), int(offset)] += 1
    return found


@pytest.mark.timeout(3000)
async def test_every_good_record_arrives_once_and_every_other_is_answered_for(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        print(f"\nFuzz: FUZZ_SEED={SEED} FUZZ_RECORDS={RECORDS}", flush=True)
    supervisor, observer = deployment.stack.supervisor, deployment.observer
    made = OddRecords(SEED, PORTALS, await some_cases(deployment, max(RECORDS // 20, 3)))
    await read_to_the_end(deployment)
    pids = {name: supervisor.pid(name) for name in SERVICES}
    before = {name: deployment.most_memory(name) for name in SERVICES}
    started = time.monotonic()
    sent = await send_all(deployment, made)
    taken = time.monotonic() - started
    await read_to_the_end(deployment)
    await observer.all_read()

    assert {name: supervisor.pid(name) for name in SERVICES} == pids, "no process has ended"
    assert (await deployment.http.get("/live")).status_code == 200
    more = {name: (deployment.most_memory(name) - before[name]) // _MB for name in SERVICES}
    assert max(more.values()) * _MB < MOST_MORE, f"{more} MB more"

    registered = Counter((row.topic, str(row.data["submission_id"])) for row in observer.found("SubmissionRegistered"))
    firsts = ("FeedbackSubmitted", "FeedbackNotAccepted")
    submitted = Counter(row.subject for name in firsts for row in observer.found(name, topic="feedback"))
    good = [(place[0].replace("inbox", "outbox"), row.own_id) for place, row in sent.of(Fate.GOOD, "inbox").items()]
    good += [(f"outbox.{portal}", own_id) for portal, own_id in sent.plain]
    assert {row: registered[row] for row in good if registered[row] != 1} == {}, "each is registered once"
    assert [subject for subject, count in submitted.items() if count != 1] == [], "and its fact published once"
    assert submitted.total() == registered.total()
    accepted = Counter(row.subject for row in observer.found("FeedbackAccepted", topic="feedback"))
    assert accepted == Counter(row.own_id for row in sent.of(Fate.GOOD, "actions").values())

    namespace = deployment.settings.namespace
    letters = [row.headers["origin"] for name in ("intake", "routing") for row in observer.found(topic=f"dead.{name}")]
    dead = places(letters, namespace)
    answers = [row.data["record"] for name in REFUSALS for row in observer.found(name)]
    answered = places([f"{row['topic']}/{row['partition']}/{row['offset']}" for row in answers], namespace)
    assert dead == answered, "who sent what became a dead letter is told so"
    assert set(dead.values()) <= {1}
    wrong = sent.of(Fate.WRONG, "")
    assert wrong.keys() - dead.keys() == set(), "each is a dead letter with its place"
    either = sent.of(Fate.EITHER, "")
    for place, row in either.items():
        assert (place in dead) != (registered[place[0].replace("inbox", "outbox"), row.own_id] == 1)
    ranges = {(topic, first + place) for topic, first, count in sent.broken for place in range(count)}
    assert dead.keys() - wrong.keys() - either.keys() <= ranges, "no good record is a dead letter"
    assert [row for row in sent.broken if not dead[row[0], row[1] + row[2] - 1]] == []
    with capsys.disabled():
        print(f"Fuzz: {len(good) + accepted.total()} good, {len(wrong)} wrong, {len(either)} changed at random")
        print(f"Fuzz: {len(sent.broken)} broken batches taken, {sent.refused.total()} batches refused by the broker")
        print(f"Fuzz: {len(letters)} dead letters; sent in {taken:.0f} s, handled in {time.monotonic() - started:.0f} s")
        print(f"Fuzz: more memory, in MB: {more}", flush=True)
