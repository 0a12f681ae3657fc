"""What the bench says of records and bytes a case is what stands in the topics."""

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

from tests.bench import traffic


async def test_records_and_bytes_a_case_are_counted_by_family_and_those_of_deadlines_once_more() -> None:
    async def records() -> AsyncIterator[Any]:
        for topic, source in (("t.feedback", b"/pakn/deadlines"), ("t.feedback", b"/x"), ("t.assignments.hue", b"/pakn/deadlines")):
            yield SimpleNamespace(topic=topic, key=b"12", value=b"345", headers=(("ce_source", source),))
        yield SimpleNamespace(topic="t.contacts", key=b"12", value=None, headers=())

    by_deadlines, by_others = 2 + 3 + len("ce_source/pakn/deadlines"), 2 + 3 + len("ce_source/x")
    assert await traffic.count(records(), 2) == {
        "records_per_case": {
            "assignments": 0.5, "assignments by deadlines": 0.5, "contacts": 0.5, "feedback": 1.0, "feedback by deadlines": 0.5,
        },
        "bytes_per_case": {
            "assignments": round(by_deadlines / 2),
            "assignments by deadlines": round(by_deadlines / 2),
            "contacts": 1,
            "feedback": round((by_deadlines + by_others) / 2),
            "feedback by deadlines": round(by_deadlines / 2),
        },
    }  # fmt: skip
