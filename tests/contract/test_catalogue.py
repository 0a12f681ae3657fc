"""The event catalogue holds together: models, files, released schemas, examples, topics, AsyncAPI and OpenAPI.

A portal or an agency programs against these files; what they say and what the code does must be one thing.
"""

import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from cloudevents.core.bindings import kafka as oracle
from cloudevents.core.formats.json import JSONFormat
from pydantic import BaseModel, create_model

import schemas
from pakn.contracts import files
from schemas import topics

FOLDER = files.FOLDER
EXAMPLES = {name: json.loads((FOLDER / "examples" / f"{name}.json").read_text()) for name in schemas.CATALOGUE}
NOT_EVENTS = {"__init__", "envelope", "states", "topics", "values"}
# What a portal sends is refused with every fault named, so that a misspelt field is not lost in silence.
STRICT = {"PortalSubmission"}
PERSONAL = {"name", "full_name", "sender", "phone", "email", "address", "contact", "lookup_secret"}
SPECS = topics.all_topics(["a"], ["p"])
every_event = pytest.mark.parametrize("name", sorted(schemas.CATALOGUE))


def released(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((FOLDER / schemas.CATALOGUE[name].schema_file()).read_text())
    return schema


def valid(schema: dict[str, Any], data: Any) -> bool:
    jsonschema.Draft202012Validator.check_schema(schema)
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    return bool(jsonschema.Draft202012Validator(schema, format_checker=checker).is_valid(data))


def read(name: str, data: Any) -> BaseModel:
    return schemas.READERS[name].validate_json(json.dumps(data))


def fields(schema: dict[str, Any], inside: str) -> Iterator[tuple[str, str]]:
    """Each field of a schema, with the model that it belongs to."""
    for field in schema.get("properties", {}):
        yield inside, field
    for name, part in schema.get("$defs", {}).items():
        yield from fields(part, name)


def test_each_event_has_one_file_named_after_it_and_each_file_one_event() -> None:
    """`ls schemas/` is everything that can happen: a second event in a file would not be seen there."""

    def file_of(name: str) -> str:
        return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")

    assert {file_of(name) for name in schemas.CATALOGUE} == {path.stem for path in FOLDER.glob("*.py")} - NOT_EVENTS
    for name, model in schemas.CATALOGUE.items():
        assert model.__name__ == name
        assert model.__module__ == f"schemas.{file_of(name)}"
        assert name in schemas.__all__


def test_written_files_say_what_the_code_does() -> None:
    """Documents that were written once and then forgotten are worse than none."""
    assert files.differences() == [], "run `pakn schemas write`, or raise the version of the event"


def test_no_file_of_the_contracts_is_left_over() -> None:
    """An event that is renamed would leave its example behind, and somebody would program against it."""
    assert {path.name for path in (FOLDER / "examples").iterdir()} == {f"{name}.json" for name in schemas.CATALOGUE} | {
        "record-FeedbackSubmitted.json"
    }
    assert {path.stem.partition("-")[0] for path in (FOLDER / "released").iterdir()} == set(schemas.CATALOGUE)


@every_event
def test_the_example_is_valid_by_schema_and_model_and_comes_back_unchanged(name: str) -> None:
    """The example is what others copy; a field that is lost on the way would be lost for them too."""
    assert valid(released(name), EXAMPLES[name])
    again = json.loads(read(name, EXAMPLES[name]).model_dump_json(exclude_none=True))
    assert again == without_nulls(EXAMPLES[name])


def without_nulls(data: Any) -> Any:
    if isinstance(data, list):
        return [without_nulls(item) for item in data]
    if isinstance(data, dict):
        return {key: without_nulls(value) for key, value in data.items() if value is not None}
    return data


@every_event
def test_a_field_that_is_required_is_required_by_schema_and_model(name: str) -> None:
    """A schema that is laxer than the reader lets a portal send what then ends in the dead letters."""
    for field in EXAMPLES[name]:
        fewer = {key: value for key, value in EXAMPLES[name].items() if key != field}
        try:
            read(name, fewer)
        except ValueError:
            accepted = False
        else:
            accepted = True
        assert valid(released(name), fewer) == accepted, field


@every_event
def test_what_a_later_minor_version_adds_is_passed_over(name: str) -> None:
    """Old code reads new bytes: a 1.1 adds optional fields, and 1.0 must not fail on them."""
    newer = EXAMPLES[name] | {"added_in_1_1": {"any": ["thing"]}}
    if name in STRICT:
        with pytest.raises(ValueError, match="added_in_1_1"):
            read(name, newer)
    else:
        assert read(name, newer) == read(name, EXAMPLES[name])
        assert valid(released(name), newer)


@pytest.mark.parametrize("name", sorted(name for name, model in schemas.CATALOGUE.items() if issubclass(model, schemas.Event)))
def test_a_later_minor_version_reads_what_the_first_one_wrote(name: str) -> None:
    """New code reads old bytes, which stay in the lifecycle topic for ever; and the reverse."""
    make: Any = create_model
    newer = make(name, __base__=schemas.CATALOGUE[name], added_in_1_1=(str | None, None))
    newer.version = "1.1"
    assert newer.type_name() == schemas.CATALOGUE[name].type_name()
    assert newer.model_validate(EXAMPLES[name]).added_in_1_1 is None
    written = newer.model_validate(EXAMPLES[name] | {"added_in_1_1": "new"}).model_dump_json()
    if name not in STRICT:
        assert schemas.READERS[name].validate_json(written) == read(name, EXAMPLES[name])
    assert files.only_adds(files.released_schema(schemas.CATALOGUE[name]), files.released_schema(newer))


def test_each_released_minor_version_only_adds_to_the_one_before() -> None:
    """Anything else than one more optional field is a new major version, which consumers must learn first."""
    for name in schemas.CATALOGUE:
        versions: dict[str, list[tuple[int, dict[str, Any]]]] = {}
        for path in (FOLDER / "released").glob(f"{name}-*.json"):
            major, _, minor = path.stem.partition("-")[2].partition(".")
            versions.setdefault(major, []).append((int(minor), json.loads(path.read_text())))
        for row in versions.values():
            row.sort(key=lambda version: version[0])
            assert [minor for minor, _ in row] == list(range(len(row)))
            for (_, old), (_, new) in itertools.pairwise(row):
                assert files.only_adds(old, new), name


@pytest.mark.parametrize("change", ["required", "type", "removed"])
def test_other_changes_are_no_minor_version(change: str) -> None:
    """The check itself: a field that becomes required, changes its type, or goes away breaks readers."""
    old = files.released_schema(schemas.FeedbackRated)
    new = json.loads(json.dumps(old))
    if change == "required":
        new["properties"]["by"] = {"type": "string"}
        new["required"].append("by")
    elif change == "type":
        new["properties"]["satisfied"] = {"type": "integer"}
    else:
        del new["properties"]["satisfied"]
    assert not files.only_adds(old, new)


def test_a_released_schema_is_never_changed_but_its_words_may_be(tmp_path: Path) -> None:
    """Somebody validates by it already. A better description harms nobody; a raised version gets a file of its own."""
    assert files.write_files(tmp_path)
    assert files.write_files(tmp_path) == []
    path = tmp_path / schemas.FeedbackRated.schema_file()
    schema = json.loads(path.read_text())
    path.write_text(files.text_of(schema | {"description": "old words"}))
    assert files.differences(tmp_path) == files.write_files(tmp_path) == [schemas.FeedbackRated.schema_file()]
    broken = files.text_of(schema | {"required": ["code"]})
    path.write_text(broken)
    with pytest.raises(files.Frozen, match=r"FeedbackRated-1\.0"):
        files.write_files(tmp_path)
    assert path.read_text() == broken


def test_topics_and_catalogue_name_the_same_events() -> None:
    """An event that no topic may carry cannot be published lawfully; one that no model describes cannot be read."""
    carried = [name for spec in SPECS for name in spec.events]
    assert set(carried) == set(schemas.CATALOGUE)
    by_name = {spec.name: spec.events for spec in SPECS}
    assert by_name[topics.FEEDBACK] == topics.LIFECYCLE_EVENTS
    assert by_name[topics.assignments("a")] == topics.ASSIGNMENT_EVENTS
    assert all(len(set(spec.events)) == len(spec.events) for spec in SPECS)


@pytest.mark.parametrize("name", sorted({*topics.LIFECYCLE_EVENTS, *topics.ASSIGNMENT_EVENTS}))
def test_no_event_that_many_can_read_has_a_field_for_personal_data(name: str) -> None:
    """The lifecycle topic is kept for ever and read by all; a sender's details travel in the contacts topic only."""
    found = {(model, field) for model, field in fields(released(name), name) if field in PERSONAL}
    assert found <= {("Attachment", "name"), ("UnusualDay", "name")}, "of a file, of a day off"


def test_asyncapi_lists_one_channel_for_each_kind_of_topic_and_every_event() -> None:
    """A national pack has over fifty agencies; a document with a channel for each would be read by nobody."""
    document = json.loads((FOLDER / "asyncapi.json").read_text())
    addresses = {channel["address"] for channel in document["channels"].values()}
    assert addresses == {f"{{namespace}}.{spec.name}" for spec in topics.all_topics(["{agency}"], ["{portal}"])}
    assert set(document["components"]["messages"]) == {*schemas.CATALOGUE, "DeadLetter"}
    received = {name for name, operation in document["operations"].items() if operation["action"] == "receive"}
    assert received == {"receive-inbox", "receive-actions"}


@pytest.mark.parametrize("file", ["asyncapi.json", "openapi.json"])
def test_every_reference_of_a_document_leads_somewhere(file: str) -> None:
    """A broken reference stops every generator of clients."""
    document = json.loads((FOLDER / file).read_text())

    def references(part: Any) -> Iterator[str]:
        if isinstance(part, dict):
            if isinstance(part.get("$ref"), str):
                yield part["$ref"]
            part = list(part.values())
        if isinstance(part, list):
            for item in part:
                yield from references(item)

    found = set(references(document))
    assert found
    for reference in found:
        target = document
        for key in reference.removeprefix("#/").split("/"):
            assert key in target, reference
            target = target[key]


def test_examples_of_openapi_are_valid_by_its_own_schemas() -> None:
    """An example that the service itself would refuse is the first thing that a newcomer tries."""
    document = json.loads((FOLDER / "openapi.json").read_text())
    tried = 0
    for operations in document["paths"].values():
        for operation in operations.values():
            bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
            for media in [media for body in bodies for media in body.get("content", {}).values() if "example" in media]:
                assert valid({**media["schema"], "components": document["components"]}, media["example"]), operation["operationId"]
                tried += 1
    for name, schema in document["components"]["schemas"].items():
        for example in schema.get("examples", ()):
            assert valid({**schema, "components": document["components"]}, example), name
            tried += 1
    assert tried >= 5


def test_the_golden_record_is_what_the_code_writes() -> None:
    """Header names, derived ids and times are part of the contract as much as the data."""
    record = json.loads((FOLDER / "examples" / "record-FeedbackSubmitted.json").read_text())
    event = schemas.FeedbackSubmitted.model_validate(record["value"])
    headers = record["headers"]
    fact = schemas.fact(
        event, cause=headers["ce_causationid"], subject=record["key"], time=event.submitted_at, source=headers["ce_source"]
    )
    assert fact.headers() == headers
    assert json.loads(fact.data) == record["value"] == EXAMPLES["FeedbackSubmitted"]


@pytest.mark.parametrize("name", sorted(topics.LIFECYCLE_EVENTS))
def test_another_implementation_of_cloudevents_reads_our_records(name: str) -> None:
    """The CloudEvents project's own library is the referee: agencies will read with it, not with our code."""
    event = schemas.CATALOGUE[name].model_validate(EXAMPLES[name])
    assert isinstance(event, schemas.Event)
    time = datetime(2026, 11, 2, 1, 12, 5, 123456, tzinfo=UTC)
    fact = schemas.fact(event, cause="cause", subject=EXAMPLES[name]["feedback_id"], time=time, source="/pakn/test")
    headers = {key: value.encode() for key, value in fact.headers().items()}
    theirs = oracle.from_binary(oracle.KafkaMessage(headers, fact.subject.encode(), fact.data.encode()), JSONFormat())
    ours = schemas.parse_envelope(headers.items())
    assert (theirs.get_id(), theirs.get_type(), theirs.get_source()) == (ours.id, ours.type, ours.source)
    assert (theirs.get_time(), theirs.get_subject()) == (ours.time, ours.subject)
    assert theirs.get_specversion() == "1.0"
    assert theirs.get_dataschema() == schemas.CATALOGUE[name].dataschema() == released(name)["$id"]
    assert theirs.get_datacontenttype() == "application/json"
    assert theirs.get_extension("causationid") == ours.cause
    assert theirs.get_data() == json.loads(fact.data)
    written = oracle.to_binary(theirs, JSONFormat())
    assert schemas.parse_envelope(written.headers.items()) == ours
