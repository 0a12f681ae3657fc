"""CloudEvents in structured mode are read, and a record that cannot be read comes back with all that can be told of it."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from cloudevents.core.bindings import kafka as other_implementation
from cloudevents.core.formats.json import JSONFormat
from hypothesis import given
from hypothesis import strategies as st

import schemas
from pakn.engine.received import GivenUp
from pakn.engine.turn import Turn
from pakn.errors import GiveUp
from pakn.legal_time import make_legal_time
from pakn.settings import Settings
from schemas.envelope import binary_headers
from services.intake.doors.portals import IntakeHandler
from services.routing.decisions import Decisions
from tests.support.packs import VN

EXAMPLES = Path(schemas.__file__).parent / "examples"
ACTION: dict[str, Any] = json.loads((EXAMPLES / "AgencyAction.json").read_text())
SUBMISSION: dict[str, Any] = json.loads((EXAMPLES / "PortalSubmission.json").read_text())
TIME = make_legal_time(None)
TURN = Turn(Settings(namespace="t"), "x", Mock(), Mock(), frozenset({"PortalSubmission", "AgencyAction"}), Mock())
STRUCTURED = (("content-type", b"application/cloudevents+json; charset=utf-8"),)
NOW = datetime(2026, 11, 26, tzinfo=UTC)


def attributes(event: str = "AgencyAction", **more: Any) -> dict[str, Any]:
    made = {"specversion": "1.0", "id": "A-1", "type": f"pakn.{event}.v1", "source": "/x", "time": NOW.isoformat()}
    return made | more


def record(value: bytes | None, headers: Any = STRUCTURED, topic: str = "actions.gia-lai") -> Any:
    return Mock(topic=f"t.{topic}", partition=3, offset=99, timestamp=0, timestamp_type=1, key=b"k", value=value, headers=headers)


def refused(of: Any) -> dict[str, Any]:
    """The answer to the sender of a record that cannot be read."""
    with pytest.raises(GiveUp) as caught:
        TURN.parse(of)
    given_up = GivenUp(of, caught.value)
    if ".inbox." in of.topic:
        (fact,) = IntakeHandler(VN, Mock(), Mock(), {}, Mock(), TIME).refuse(given_up)
    else:
        (fact,) = Decisions(VN, TIME).refuse(given_up)
    answer: dict[str, Any] = json.loads(fact.data)
    assert answer["record"] == {"topic": of.topic, "partition": 3, "offset": 99}
    return answer


@pytest.mark.parametrize("headers", [STRUCTURED, (("Content-Type", b"application/CloudEvents+JSON"),), ()])
@pytest.mark.parametrize("data", [{"data": ACTION}, {"data_base64": base64.b64encode(json.dumps(ACTION).encode()).decode()}])
def test_structured_mode_is_read_like_binary_mode(headers: Any, data: dict[str, Any]) -> None:
    binary = binary_headers(id="A-1", type="pakn.AgencyAction.v1", source="/x", time=NOW)
    one = TURN.parse(record(json.dumps(ACTION).encode(), tuple((name, text.encode()) for name, text in binary.items())))
    two = TURN.parse(record(b"\xef\xbb\xbf" + json.dumps(attributes() | data).encode(), headers))
    assert one is not None
    assert two is not None
    assert (one.envelope, one.event) == (two.envelope, two.event)


def test_what_the_cloudevents_projects_own_library_writes_is_read() -> None:
    headers = {
        name: text.encode() for name, text in binary_headers(id="1", type="pakn.PortalSubmission.v1", source="/p", time=NOW).items()
    }
    event = other_implementation.from_binary(
        other_implementation.KafkaMessage(headers, b"k", json.dumps(SUBMISSION).encode()), JSONFormat()
    )
    written = other_implementation.to_structured(event, JSONFormat())
    read = TURN.parse(record(written.value, tuple(written.headers.items()), "inbox.cdvcqg"))
    assert read is not None
    assert read.event == schemas.PortalSubmission.model_validate(SUBMISSION)


@pytest.mark.parametrize(
    ("changed", "said"),
    [({"id": 7}, "id is not text"), ({"time": "today"}, "time 'today' is not RFC 3339"), ({"source": ""}, "source is missing"),
     ({"specversion": "0.3"}, "reads 1.0"), ({"id": "\ud800"}, "id is not UTF-8"),
     ({"data_base64": "é"}, "data_base64 is not base64")],
)  # fmt: skip
def test_what_is_wrong_with_the_attributes_is_named(changed: dict[str, Any], said: str) -> None:
    answer = refused(record(json.dumps(attributes() | {"data": ACTION} | changed).encode()))
    assert said in answer["faults"][0]["message"]
    assert answer["faults"][0]["code"] == "unreadable"


@pytest.mark.parametrize("headers", [STRUCTURED, ()])
def test_a_refused_action_comes_back_with_its_id_its_action_and_its_feedback(headers: Any) -> None:
    """It said `unknown` and no feedback, so that no program could tell which of its actions was meant."""
    wrong = attributes() | {"data": ACTION | {"actor": "a@b.vn"}}
    answer = refused(record(json.dumps(wrong).encode(), headers))
    assert (answer["action_id"], answer["action"], answer["feedback_id"]) == ("A-1", ACTION["action"], ACTION["feedback_id"])


def test_an_action_in_binary_mode_comes_back_with_what_it_was_too() -> None:
    headers = tuple((f"ce_{name}", text.encode()) for name, text in attributes().items())
    answer = refused(record(json.dumps(ACTION | {"documentNumber": "1"}).encode(), headers))
    assert (answer["action_id"], answer["action"], answer["feedback_id"]) == ("A-1", ACTION["action"], ACTION["feedback_id"])
    assert [fault["field"] for fault in answer["faults"]] == ["documentNumber"]
    answer = refused(record(b'{"action": "erase", "feedback_id": "x"}', headers))
    assert (answer["action"], answer.get("feedback_id")) == ("unknown", None)


def test_a_refused_submission_comes_back_with_its_id_and_its_reference() -> None:
    document = attributes("PortalSubmission", id="P-1") | {"data": SUBMISSION | {"title": ""}}
    answer = refused(record(json.dumps(document).encode(), topic="inbox.cdvcqg"))
    assert (answer["submission_id"], answer["reference"]) == ("P-1", SUBMISSION.get("reference"))
    assert "title" in [fault["field"] for fault in answer["faults"]]
    answer = refused(record(json.dumps(SUBMISSION).encode(), (("ce-id", b"P-2"),), "inbox.cdvcqg"))
    assert answer["submission_id"] == "P-2", "also where the header's name is not quite right"


VALUES = st.none() | st.binary(max_size=60) | st.text(max_size=60).map(str.encode) | st.builds(
    lambda document: json.dumps(document).encode(),
    st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from(["specversion", "id", "type", "data", "data_base64", "action", "feedback_id"]), inner)),
)  # fmt: skip


@given(
    VALUES,
    st.lists(st.tuples(st.sampled_from(["ce_id", "content-type", "x"]), st.none() | st.sampled_from([b"\xff", STRUCTURED[0][1]]))),
)
def test_whatever_comes_is_read_or_answered_with_its_place(value: bytes | None, headers: list[tuple[str, bytes | None]]) -> None:
    for topic in ("actions.gia-lai", "inbox.cdvcqg"):
        refused(record(value, tuple(headers), topic))


def test_json_that_is_nested_too_deeply_is_answered() -> None:
    refused(record(b'{"specversion":' + b"[" * 100_000, STRUCTURED))
    refused(record(b'{"specversion": "1.0", "data":' + b"[" * 900 + b"]" * 900 + b"}", STRUCTURED))
