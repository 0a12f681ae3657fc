"""What is taken out of a batch comes again, and only what was handled is committed."""

from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import IllegalStateError
from faststream.kafka import KafkaMessage

from pakn.engine import kafka

HERE, THERE = TopicPartition("t.inbox.a", 0), TopicPartition("t.inbox.b", 0)


def record(partition: TopicPartition, offset: int) -> Any:
    return ConsumerRecord(*partition, offset, 0, 0, None, b"", None, 0, 0, ())


@pytest.fixture
def consumer() -> Any:
    """Stands for aiokafka's consumer, which has given out ten records of each partition."""
    return Mock(position=AsyncMock(return_value=10), commit=AsyncMock())


@pytest.fixture
def message(consumer: Any) -> KafkaMessage:
    records = tuple(record(partition, offset) for partition in (HERE, THERE) for offset in range(7, 10))
    return KafkaMessage(raw_message=records, body=b"", consumer=consumer)


async def test_what_was_fetched_of_a_partition_that_must_wait_is_fetched_again(message: KafkaMessage, consumer: Any) -> None:
    left = await kafka.put_back(message, {THERE})
    assert left == [record(HERE, offset) for offset in range(7, 10)]
    consumer.seek.assert_called_once_with(THERE, 7)


async def test_a_partition_that_is_read_from_further_back_stays_there(message: KafkaMessage, consumer: Any) -> None:
    """After a rebalance it is read from what is committed; a jump forward would pass over records."""
    consumer.position.return_value = 3
    await kafka.put_back(message, {THERE})
    consumer.seek.assert_not_called()


async def test_a_partition_that_is_lost_is_left_to_its_owner(message: KafkaMessage, consumer: Any) -> None:
    consumer.position = AsyncMock(side_effect=IllegalStateError("not assigned"))
    assert len(await kafka.put_back(message, {THERE})) == 3


async def test_a_part_of_a_batch_commits_itself_only(message: KafkaMessage, consumer: Any) -> None:
    await kafka.commit(kafka.part_of(message, message.raw_message[:1]))
    consumer.commit.assert_awaited_once_with({HERE: 8})
    assert len(message.raw_message) == 6
