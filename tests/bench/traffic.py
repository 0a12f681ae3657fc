"""How many records and bytes a case makes in each family of topics, counted from the topics themselves."""

from collections import Counter
from collections.abc import AsyncIterable
from contextlib import aclosing

from pakn.engine.kafka import Record
from pakn.engine.topic_reader import read_to_end
from pakn.settings import Settings
from schemas.topics import TopicName
from tests.bench.usage import Figures

OF_DEADLINES = b"/pakn/deadlines"


async def measure(settings: Settings, cases: int) -> Figures:
    """Records and bytes a case, see `count`. Raises as `read_to_end` does."""
    async with aclosing(read_to_end(settings, lambda _: True)) as records:
        return await count(records, cases)


async def count(records: AsyncIterable[Record], cases: int) -> Figures:
    """`records_per_case` and `bytes_per_case` by family of topics, and for what deadlines wrote by family too.

    A record's bytes are its key, its value and its headers, before compression and without what Kafka adds.
    """
    numbers: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    async for record in records:
        size = len(record.key or b"") + len(record.value or b"") + sum(len(key) + len(text or b"") for key, text in record.headers)
        family = TopicName.parse(record.topic).family
        by_deadlines = ("ce_source", OF_DEADLINES) in record.headers
        for label in (family, f"{family} by deadlines") if by_deadlines else (family,):
            numbers[label] += 1
            sizes[label] += size
    labels = sorted(numbers)
    return {
        "records_per_case": {label: round(numbers[label] / cases, 2) for label in labels},
        "bytes_per_case": {label: round(sizes[label] / cases) for label in labels},
    }
