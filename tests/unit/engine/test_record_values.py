"""What the value of a record may cost to read, whatever shape it has."""

import json
import tracemalloc
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord

from pakn.engine.json_bounds import MAX_MARKS
from pakn.engine.kafka import MAX_RECORD_BYTES
from pakn.engine.turn import Turn
from pakn.errors import GiveUp
from pakn.settings import Settings
from tests.support.outside_world import GOOD, lines


def parse(value: bytes) -> Any:
    parts: Any = SimpleNamespace()
    turn = Turn(Settings(), "intake", parts, parts, frozenset({"PortalSubmission"}), print)
    headers = tuple(lines("PortalSubmission", "e-1"))
    return turn.parse(ConsumerRecord("pakn.inbox.cdvcqg", 0, 0, 0, 1, b"k", value, None, 1, len(value), headers))


SHAPES: dict[str, Callable[[int], bytes]] = {
    "lists": lambda size: b'{"title": [' + b"[]," * (size // 3) + b"[]]}",
    "objects": lambda size: b'{"zz": [' + b"{}," * (size // 3) + b"{}]}",
    "numbers": lambda size: b'{"files": [' + b"0," * (size // 2) + b"0]}",
    "keys": lambda size: b"{" + b",".join(b'"%d":0' % number for number in range(size // 11)) + b"}",
    "deep": lambda size: b"[" * size,
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.timeout(20)
def test_a_value_of_many_parts_is_refused_before_it_is_read(shape: str) -> None:
    """8 MB of empty lists took 1.1 GB and stopped every page for five seconds."""
    value = SHAPES[shape](8_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(GiveUp, match="brackets"):
            parse(value)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_value_that_no_topic_takes_unpacked_is_refused_before_it_is_read() -> None:
    """An error about a value of 15 MB held it three times."""
    with pytest.raises(GiveUp, match="9437185 bytes"):
        parse(bytes(MAX_RECORD_BYTES + 1))


def test_the_longest_lawful_texts_and_files_are_read() -> None:
    """Commas in a text look like parts; 8 MB of a file in base64 have none."""
    longest = GOOD | {"title": "," * 499 + ".", "content": ",[{" * 6_666}
    assert 2 * json.dumps(longest).count(",") + json.dumps(longest).count("[") < MAX_MARKS
    assert parse(json.dumps(longest).encode()).event.content == longest["content"]
