"""What a record may cost to read in any shape, and what the answer to a wrong one may hold."""

import base64
import gc
import json
import tracemalloc
from collections.abc import Callable
from typing import Any
from unittest.mock import Mock

import pytest
from aiokafka.structs import ConsumerRecord
from hypothesis import example, given
from hypothesis import strategies as st

from pakn.engine.kafka import MAX_RECORD_BYTES
from pakn.engine.received import GivenUp, appended_at
from pakn.engine.turn import Turn
from pakn.errors import GiveUp
from pakn.legal_time import make_legal_time
from pakn.settings import Settings
from services.intake.doors.portals import IntakeHandler
from services.routing.decisions import Decisions
from tests.support.outside_world import lines
from tests.support.packs import VN

TIME = make_legal_time(None)
TURN = Turn(Settings(namespace="t"), "x", Mock(), Mock(), frozenset({"PortalSubmission", "AgencyAction"}), Mock())
TOPICS = {"inbox.cdvcqg": "PortalSubmission", "actions.gia-lai": "AgencyAction"}
REFUSE = {"inbox.cdvcqg": IntakeHandler(VN, Mock(), Mock(), {}, Mock(), TIME).refuse, "actions.gia-lai": Decisions(VN, TIME).refuse}
STRUCTURED = [("content-type", b"application/cloudevents+json")]
MOST_MEMORY = 40_000_000  # A record of 8 MB of base64, what it stands for, and copies of both.
LONGEST_ANSWER = 200_000


def structured(event: str, **more: Any) -> bytes:
    made = {"specversion": "1.0", "id": "x", "type": f"pakn.{event}.v1", "source": "/o", "time": "2026-03-02T03:00:00Z"}
    return json.dumps(made | more).encode()


def answered(topic: str, value: bytes | None, headers: Any, timestamp: int = 0) -> dict[str, Any]:
    """The answer to a record that is wrong, whose bytes are bounded."""
    record: Any = ConsumerRecord(f"t.{topic}", 3, 99, timestamp, 1, b"k", value, None, 1, len(value or b""), tuple(headers))
    with pytest.raises(GiveUp) as caught:
        TURN.parse(record)
    given_up = GivenUp(record, caught.value)
    (fact,) = REFUSE[topic](given_up)
    assert len(fact.data.encode()) < LONGEST_ANSWER
    assert all(text.encode() is not None for text in fact.headers().values())
    found: dict[str, Any] = json.loads(fact.data)
    assert found["record"]["offset"] == 99
    return found


LISTS = b"[" + b"[]," * 2_000_000 + b"[]]"
COSTLY: dict[str, Callable[[str], tuple[bytes, Any]]] = {
    "binary": lambda event: (b'{"title":' + LISTS + b"}", lines(event, "x")),
    "binary under headers that say nothing": lambda _event: (b'{"title":' + LISTS + b"}", [("ce_x", b"")]),
    "structured": lambda event: (structured(event)[:-1] + b', "data": {"title":' + LISTS + b"}}", STRUCTURED),
    "structured without a header": lambda event: (structured(event)[:-1] + b', "data": {"title":' + LISTS + b"}}", []),
    "in base64": lambda event: (structured(event, data_base64=base64.b64encode(b'{"a":' + LISTS + b"}").decode()), STRUCTURED),
    "garbage": lambda _event: (LISTS, STRUCTURED),
}


@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize("shape", COSTLY)
@pytest.mark.timeout(30)
def test_a_value_of_millions_of_parts_costs_little_in_every_mode(topic: str, shape: str) -> None:
    """In base64 nobody counted its brackets, and the answer read what the turn had not: 340 MB and seconds for each record."""
    value, headers = COSTLY[shape](TOPICS[topic])
    tracemalloc.start()
    try:
        answer = answered(topic, value, headers)
        assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY
    finally:
        tracemalloc.stop()
    assert answer["faults"]


def test_an_event_in_base64_is_bounded_by_what_it_holds() -> None:
    whole = b'{"title":"' + b"," * 60_001 + b'"}'
    for value, headers in (
        (whole, lines("PortalSubmission", "x")),
        (structured("PortalSubmission", data_base64=base64.b64encode(whole).decode()), STRUCTURED),
    ):
        (fault,) = answered("inbox.cdvcqg", value, headers)["faults"]
        assert "60002 brackets" in fault["message"]
        assert fault["code"] == "invalid"


@pytest.mark.parametrize("mode", ["binary", "structured"])
def test_the_answer_to_a_submission_is_short_however_long_the_submission_is(mode: str) -> None:
    """It gave back a reference of 9 MB, more than the portal's topic takes: intake could not answer, and ended again and again."""
    files = [{"name": "a.exe", "content_base64": "*"}] * 8_000
    for document in ({"reference": "r" * (MAX_RECORD_BYTES - 1000)}, {"reference": "\ud800"}, {"attachments": files}):
        if mode == "binary":
            answer = answered("inbox.cdvcqg", json.dumps(document).encode(), lines("PortalSubmission", "x"))
        else:
            answer = answered("inbox.cdvcqg", structured("PortalSubmission", data=document), STRUCTURED)
        assert answer["submission_id"] == "x"
        assert answer["faults"]


ODD_TEXT = st.text(st.characters(), max_size=5) | st.sampled_from(["\ud800", "\udfff", "\x00", "x" * 5000])
ODD_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | ODD_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ODD_TEXT, inner, max_size=3),
    max_leaves=8,
)
FIELDS = ("reference", "sent_at", "attachments", "province", "level", "language", "category", "sender", "place", "title")
DOCUMENTS = st.dictionaries(
    st.sampled_from([*FIELDS, "action", "feedback_id", "actor", "to_agency"]) | ODD_TEXT, ODD_JSON, max_size=6
)


@example({"reference": "\ud800"}, "binary", "inbox.cdvcqg")
@given(DOCUMENTS, st.sampled_from(["binary", "structured", "base64"]), st.sampled_from([*TOPICS]))
def test_every_wrong_document_is_answered(document: dict[str, Any], mode: str, topic: str) -> None:
    """A reference with half of an emoji could not be written into the answer: intake ended with it again and again."""
    event, value = TOPICS[topic], json.dumps(document).encode()
    if mode == "base64":
        value = structured(event, data_base64=base64.b64encode(value).decode())
    elif mode == "structured":
        value = structured(event, data=document)
    answered(topic, value, lines(event, "x") if mode == "binary" else STRUCTURED)


@pytest.mark.parametrize("depth", [*range(1, 1200, 7), 20_000, 59_000])
def test_every_depth_is_answered(depth: int) -> None:
    """What one reader takes the next one may not: each has a limit of its own."""
    deep = b"[" * depth + b"]" * depth
    for topic, event in TOPICS.items():
        for field in (b"province", b"sent_at", b"action"):
            answered(topic, b'{"%s": %s}' % (field, deep), lines(event, "x"))
        for field in (b"data", b"id", b"data_base64"):
            answered(topic, structured(event)[:-1] + b', "%s": %s}' % (field, deep), STRUCTURED)
        answered(topic, structured(event)[:-1] + b', "data": {"province": %s}}' % deep, STRUCTURED)


@pytest.mark.parametrize("timestamp", [-(2**62), -1, 0, 253402300800000, 2**62])
def test_a_time_beyond_the_calendar_is_a_time_all_the_same(timestamp: int) -> None:
    """A producer may write any number into a topic that keeps the producer's time."""
    record: Any = Mock(timestamp=timestamp)
    assert 1970 <= appended_at(record).year <= 9000
    answered("inbox.cdvcqg", b"{", lines("PortalSubmission", "x"), timestamp)


@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize("wrong", [{"attachments": [{}] * 8000}, {f"k{n}": 1 for n in range(20_000)}], ids=["files", "fields"])
def test_records_of_countless_faults_that_are_given_up_take_little_memory(topic: str, wrong: dict[str, Any]) -> None:
    """The library's error stayed with each of them: 25 MB, of which a batch holds hundreds."""
    value, headers = json.dumps(wrong).encode(), tuple(lines(TOPICS[topic], "x"))
    record: Any = ConsumerRecord(f"t.{topic}", 3, 99, 0, 1, b"k", value, None, 1, len(value), headers)
    tracemalloc.start()
    kept = []
    for _ in range(2):
        with pytest.raises(GiveUp) as caught:
            TURN.parse(record)
        assert caught.value.faults
        kept.append(caught.value.with_traceback(None))
        del caught
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 1_000_000
