"""Every fault has a stable code, and its words say what to send instead."""

import ast
import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

import pakn
import schemas
from pakn.errors import Reason
from schemas.fault_codes import FAULT_CODES
from schemas.portal_submission import PortalSubmission, Submission
from schemas.values import Fault, faults_of
from services.intake.sender_acts import Rating, Supplement
from tests.support.examples import FOLDER

ROOT = Path(pakn.__file__).parents[1]
NAMES = [
    "action",
    "actor",
    "feedback_id",
    "reply",
    "reason",
    "unit",
    "to_agency",
    "sender",
    "email",
    "place",
    "latitude",
    "attachments",
    "name",
    "sent_at",
    "title",
    "content",
    "category",
    "satisfied",
    "submitter_type",
]
READ = {model.__name__: TypeAdapter(model) for model in (PortalSubmission, Submission, Supplement, Rating, schemas.AgencyAction)}
LIBRARY = re.compile(
    "[Ii]nput |[Ss]hould |Unable|a valid |[Ee]xpected|EOF|parsing|discriminator|tuple|dict|Extra|pydantic|Value error"
)
WRONG: list[Any] = [
    None, True, 7, -1e9, 1e999, 10**30, "", " ", "x", "a b", "é" * 30_000, "\x00", "a\nb", "2026-13-45", "2026-03-02T08:30:00",
    "2026-03-02", "\ud800", [], [None], {}, {"x": 1}, [{"name": "", "content_base64": 1}], {"latitude": "north", "longitude": 181},
]  # fmt: skip


def faults(model: TypeAdapter[BaseModel], value: Any, *, as_json: bool) -> list[Fault]:
    try:
        if as_json:
            model.validate_json(value if isinstance(value, bytes) else json.dumps(value))
        else:
            model.validate_python(value)
    except ValidationError as error:
        rows = error.errors(include_url=False)
        found = faults_of(error, "whole", schemas.AgencyAction.tags if model is READ["AgencyAction"] else frozenset())
        assert not {row["msg"] for row in rows} & {fault.message for fault in found}, "the library's words, as they are"
        return found
    return []


def wrong_documents() -> Iterator[tuple[str, Any]]:
    submission = json.loads((FOLDER / "PortalSubmission.json").read_text())
    action = json.loads((FOLDER / "AgencyAction.json").read_text())
    acts = [action | {"action": kind} for kind in ("accept", "refuse", "transfer", "request_more", "reply", "send_back", "nothing")]
    whole = [
        *(("PortalSubmission", submission), ("Submission", submission), ("Supplement", {"content": "x"}), ("Rating", {})),
        *(("AgencyAction", act) for act in acts),
    ]
    for name, document in whole:
        known = {*READ[name].json_schema().get("properties", {}), *document, "reason", "question", "reply", "to_agency", "to_unit"}
        for value in WRONG:
            yield name, value
            yield from ((name, document | {field: value}) for field in known)
            yield from ((name, document | {"sender": {field: value}}) for field in ("name", "email"))
            yield from ((name, document | {"place": {field: value}}) for field in ("description", "latitude"))
            yield from ((name, document | {"attachments": [{field: value}]}) for field in ("name", "content_base64"))
        yield from ((name, {key: value for key, value in document.items() if key != field}) for field in document)


def test_whatever_is_wrong_is_told_in_our_own_words() -> None:
    """A library's words ("Input should be a valid tuple") do not say what to send, and change with its version."""
    found: dict[str, Fault] = {}
    for name, document in wrong_documents():
        for as_json in (True, False):
            for fault in faults(READ[name], document, as_json=as_json):
                found.setdefault(fault.code, fault)
                assert fault.code in FAULT_CODES
                assert fault.code != "invalid", (name, document, fault)
                assert not LIBRARY.search(fault.message), fault
                assert fault.field.partition(".")[0] not in schemas.AgencyAction.tags - {"reply"}, "no tag before a field"
                assert not fault.field.startswith("reply.")
                assert "must be written as ^" not in fault.message, "each pattern has words"
                assert "{" not in fault.message
    assert set(found) == {
        "missing", "unknown_field", "wrong_type", "too_long", "too_short", "out_of_range", "not_one_of", "bad_format", "not_json",
    }  # fmt: skip


REPLY = {"action": "reply", "reply": "x"}


@pytest.mark.parametrize(
    ("name", "document", "field", "code", "said"),
    [
        ("PortalSubmission", {"attachments": {}}, "attachments", "wrong_type", "list"),
        ("PortalSubmission", {"sent_at": "2026-03-02T08:30:00"}, "sent_at", "bad_format", "+07:00"),
        ("PortalSubmission", {"sent_at": 1772440200}, "sent_at", "bad_format", "+07:00"),
        ("PortalSubmission", {"sent_at": "1772440200"}, "sent_at", "bad_format", "+07:00"),
        ("PortalSubmission", {"sent_at": "2026-03-02"}, "sent_at", "bad_format", "+07:00"),
        ("PortalSubmission", {"sender": {"email": "a@b"}}, "sender.email", "bad_format", "name@example.org"),
        ("AgencyAction", {}, "action", "missing", "required"),
        ("AgencyAction", {"action": "acept"}, "action", "not_one_of", "'accept'"),
        ("AgencyAction", {"action": "accept", "documentNumber": "1"}, "documentNumber", "unknown_field", "name"),
        ("AgencyAction", REPLY | {"attachments": ["f"] * 21}, "attachments", "too_long", "20 entries"),
        ("AgencyAction", [], "whole", "wrong_type", "object"),
        ("Rating", {"satisfied": "yes"}, "satisfied", "wrong_type", "true or false"),
        ("Rating", b"{", "whole", "not_json", "JSON"),
    ],
)
def test_a_fault_says_where_which_kind_and_what_to_send(name: str, document: Any, field: str, code: str, said: str) -> None:
    (fault,) = [fault for fault in faults(READ[name], document, as_json=True) if fault.field == field]
    assert fault.code == code
    assert said in fault.message


def test_a_kind_of_error_that_is_not_known_here_is_told_without_the_librarys_words() -> None:
    """A new version of the library may have new ones; none may stop the answer, or speak of the library's insides."""
    (fault,) = faults(TypeAdapter(complex), "x", as_json=False)  # type: ignore[arg-type]
    assert fault.code == "invalid"
    assert not LIBRARY.search(fault.message)


SHAPES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=30)
    | st.sampled_from(["accept", "reply", "transfer"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=9), inner, max_size=5),
    max_leaves=12,
)


@given(st.sampled_from(sorted(READ)), SHAPES, st.booleans(), st.data())
def test_no_document_at_all_brings_out_the_librarys_words(name: str, document: Any, as_json: bool, data: st.DataObject) -> None:
    if isinstance(document, dict) and data.draw(st.booleans()):
        example = FOLDER / ("AgencyAction.json" if name == "AgencyAction" else "PortalSubmission.json")
        document = json.loads(example.read_text()) | document
    for fault in faults(READ[name], document, as_json=as_json):
        assert fault.code in FAULT_CODES
        assert fault.code != "invalid", (document, fault)


def _tree(path: Path) -> ast.Module:
    # Python before 3.12 counts the depth of all threads' trees together, and fails where two are made at once.
    for _ in range(5):
        with contextlib.suppress(SystemError):
            return ast.parse(path.read_text())
    raise AssertionError(f"{path} could not be read")


def codes_in(path: Path) -> Iterator[str | None]:
    """The code of each `Fault(...)` in a file; none where it is not written as plain text."""
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Fault":
            (code,) = (keyword.value for keyword in node.keywords if keyword.arg == "code")
            yield code.value if isinstance(code, ast.Constant) else None


def test_every_fault_that_is_made_anywhere_has_a_known_code() -> None:
    found = [
        code for folder in ("pakn", "services", "schemas") for path in (ROOT / folder).rglob("*.py") for code in codes_in(path)
    ]
    assert {code for code in found if code} <= set(FAULT_CODES)
    assert found.count(None) <= 5, "computed: of the library, of unknown values, of what a file holds, of records given up (two)"
    # Of these two nobody outside is told: they are met where no sender waits for an answer.
    assert set(get_args(Reason)) - {"missing_case", "missing_rule_set"} <= set(FAULT_CODES)
