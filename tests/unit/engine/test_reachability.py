"""Servers that are away: what is logged, which failures they explain, and what a turn does meanwhile."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Sequence
from types import SimpleNamespace
from unittest.mock import AsyncMock, Mock

import pytest
from aiokafka.errors import KafkaConnectionError
from bson.errors import InvalidDocument
from pymongo.errors import AutoReconnect, NetworkTimeout, OperationFailure, ServerSelectionTimeoutError
from structlog.testing import capture_logs

from pakn import metrics
from pakn.engine.reachability import Reachability, Server, is_away
from pakn.engine.received import Outcome, Received, Tombstone
from pakn.engine.turn import Turn
from pakn.errors import TryAgain
from pakn.logins import KafkaSettings, MongoSettings, mongo_hosts
from pakn.settings import Settings


def failing(*outcomes: Exception | None) -> AsyncMock:
    """A question that is answered so, one after the other."""
    return AsyncMock(side_effect=outcomes)


async def test_a_loss_and_a_return_are_one_line_each_with_the_address() -> None:
    """No line said "database", nor where it is, nor that it is back; another one came each second."""
    lost = ServerSelectionTimeoutError("no server")
    server = Server("mongodb", "db.example:27017", failing(None, lost, lost, lost, None, None), 1)
    with capture_logs() as lines:
        for up in (1, 0, 0, 0, 1, 1):
            await server.look()
            assert metrics.server_up.labels("mongodb")._value.get() == up
    assert [(line["event"], line["address"]) for line in lines] == [
        ("database_away", "db.example:27017"),
        ("database_back", "db.example:27017"),
    ]


async def test_a_server_that_does_not_answer_at_all_is_away() -> None:
    server = Server("kafka", "kafka.example:9092", asyncio.Event().wait, 0.01)
    with capture_logs() as lines:
        await server.look()
    assert server.up is False
    assert [line["event"] for line in lines] == ["kafka_away"]
    metrics.server_up.clear()


@pytest.mark.parametrize(
    ("address", "hosts"),
    [
        ("mongodb://localhost:27017/?w=majority", "localhost:27017"),
        ("mongodb://pakn:geheim%40x@a:1,b:2/db?replicaSet=rs0", "a:1,b:2"),
        ("mongodb+srv://pakn:ge@heim@cluster.example/?tls=true", "cluster.example"),
    ],
)
def test_an_address_is_told_without_its_password(address: str, hosts: str) -> None:
    assert mongo_hosts(address) == hosts


def test_what_a_library_says_of_a_server_that_is_known_to_be_away_is_not_heard() -> None:
    """Its errors, a hundred a second, would bury the line that says what is away."""
    program = """
import logging
from pakn import logs
logs.configure("intake", "INFO")
log = logging.getLogger("aiokafka.client")
for quiet, text in ((True, "while away %s"), (False, "while there %s")):
    logs.hush("aiokafka", quiet)
    log.error(text, 1)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert [json.loads(line)["event"] for line in done.stdout.splitlines()] == ["while there 1"]


@pytest.mark.parametrize(
    ("error", "away"),
    [
        (AutoReconnect("closed"), True),
        (NetworkTimeout("silent"), True),
        (KafkaConnectionError("closed"), True),
        (OperationFailure("not master", 10107, {"errorLabels": ["RetryableWriteError"]}), True),
        (OperationFailure("not allowed", 13), False),
        (InvalidDocument("too large"), False),
        (ValueError("ours"), False),
    ],
)
def test_an_error_of_a_server_that_is_away_is_told_from_a_refusal(error: Exception, away: bool) -> None:
    """A refusal that got 503 would be tried again for ever."""
    assert is_away(error) is away


async def unreachable() -> Reachability:
    """On addresses at which nothing answers."""
    client = Mock(admin=Mock(command=AsyncMock(side_effect=AutoReconnect("closed"))))
    mongo = MongoSettings.model_validate({"uri": "mongodb://127.0.0.1:1/"})
    return Reachability(Settings(kafka=KafkaSettings(bootstrap="127.0.0.1:1"), mongo=mongo), client)


async def test_a_failure_is_explained_by_a_server_that_is_asked_then_and_there() -> None:
    """Between a loss and the next look of the watch, each failure would have been logged for itself."""
    reachability = await unreachable()
    assert not await reachability.explains(ValueError("ours"))
    assert reachability.away == []
    with capture_logs() as lines:
        assert await reachability.explains(AutoReconnect("closed"))
        assert await reachability.explains(TryAgain("the law could not be read"))
    assert reachability.away == ["mongodb", "kafka"]
    assert sorted(line["event"] for line in lines) == ["database_away", "kafka_away"]
    metrics.server_up.clear()


async def test_what_waits_for_a_reading_is_explained_for_a_while_after_a_return() -> None:
    """Deadlines said that its law was old, beside the two lines of a loss and a return."""
    answers = AsyncMock(side_effect=[None, AutoReconnect("closed"), None, None, None, None])
    mongo = MongoSettings.model_validate({"uri": "mongodb://127.0.0.1:1/"})
    reachability = Reachability(Settings(kafka=KafkaSettings(bootstrap="127.0.0.1:1"), mongo=mongo), Mock())
    reachability._servers = {"mongodb": Server("mongodb", "db.example:27017", answers, 1)}
    waits = TryAgain("the law could not be read")
    assert not await reachability.explains(waits), "nothing was away"
    with capture_logs() as lines:
        assert await reachability.explains(waits)
        await reachability.look()
        assert await reachability.explains(waits), "it is back, and what could not be read is read again"
        assert await reachability.explains(AutoReconnect("closed")), "it was asked while it was away"
        assert not await reachability.explains(OperationFailure("not allowed", 13)), "it answers, and refuses"
    assert [line["event"] for line in lines] == ["database_away", "database_back"]
    metrics.server_up.clear()


class Saves:
    """A handler whose database is away for the first tries."""

    def __init__(self, failures: int) -> None:
        self.failures = failures

    async def handle(self, _batch: Sequence[Received]) -> Outcome:
        if self.failures:
            self.failures -= 1
            raise AutoReconnect("closed")
        return Outcome()


async def test_a_batch_waits_for_a_server_that_is_away_and_the_process_goes_on() -> None:
    """After a minute without its database a process ended, and the next one, until somebody looked."""
    reachability, saves, ends, done = await unreachable(), Saves(4), Mock(), Mock()
    wanted = frozenset({Tombstone.__name__})
    turn = Turn(Settings(retry_seconds=0.01), "x", Mock(), saves, wanted, done, explains=reachability.explains)
    tombstone = SimpleNamespace(topic="t.contacts", partition=0, offset=1, key=b"x", value=None, headers=(), timestamp=1)
    with capture_logs() as lines:
        await turn.on_message(Mock(raw_message=(tombstone,), consumer=AsyncMock()))
    assert saves.failures == 0
    ends.assert_not_called()
    done.assert_called_once()
    ours = [line["event"] for line in lines if line["event"] != "stamina.retry_scheduled"]
    assert sorted(ours) == ["database_away", "kafka_away"]
    metrics.server_up.clear()
