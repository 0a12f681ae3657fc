"""The whole records in schemas/examples: what portals and agencies write, with headers, as the services read it."""

import json
from pathlib import Path
from typing import Any

import pytest

import schemas
from pakn.contracts import files
from schemas import AgencyAction, topics
from tests.contract.test_catalogue import valid

EXAMPLES = files.FOLDER / "examples"
WRITTEN = sorted(path for path in EXAMPLES.glob("record-*.json") if path.stem != "record-FeedbackSubmitted")


def names_of_others() -> set[str]:
    """One for each event that others write, and for AgencyAction one for each action."""
    others = {model.event_name() for model in schemas.CATALOGUE.values() if model.written_by == "others"}
    return (others - {"AgencyAction"}) | {f"AgencyAction-{tag}" for tag in AgencyAction.tags}


def test_each_record_that_others_write_has_an_example() -> None:
    """Of eight actions one had an example, and of the headers nobody saw how they go with it."""
    assert {path.stem.removeprefix("record-") for path in WRITTEN} == names_of_others()


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.stem)
def test_the_example_is_read_as_it_stands(path: Path) -> None:
    record: dict[str, Any] = json.loads(path.read_text())
    headers = [(name, text.encode()) for name, text in record["headers"].items()]
    envelope, data = schemas.parse_record(headers, json.dumps(record["value"]).encode())
    topic = topics.TopicName.parse(record["topic"])
    assert envelope.name in topics.EVENTS[topic.family]
    assert envelope.source == f"/{topic.party}"
    model = schemas.CATALOGUE[envelope.type]
    name, _, action = path.stem.removeprefix("record-").partition("-")
    assert (model.__name__, record["value"].get("action", "")) == (name, action)
    assert data is not None
    assert json.loads(model.model_validate_json(data).model_dump_json(exclude_unset=True)) == record["value"]
    assert valid(files.schema_of(model), record["value"])
