"""The event catalogue holds together: models, files, schemas, examples, topics, AsyncAPI and OpenAPI.

A portal or an agency programs against these files; what they say and what the code does must be one thing.
"""

import json
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any

import jsonschema
import pytest
from cloudevents.core.bindings import kafka as oracle
from cloudevents.core.formats.json import JSONFormat
from pydantic import BaseModel

import schemas
from pakn.contracts import files
from schemas import topics

FOLDER = files.FOLDER
MODELS = {model.__name__: model for model in schemas.CATALOGUE.values()}
EXAMPLES = {name: json.loads((FOLDER / "examples" / f"{name}.json").read_text()) for name in MODELS}
NOT_EVENTS = {
    *("__init__", "addresses", "composed", "day_count", "envelope", "fault_codes", "matter"),
    *("personal_data", "portal_act", "states", "topics", "values"),
}
RECORDS = {path.stem.removeprefix("record-"): json.loads(path.read_text()) for path in (FOLDER / "examples").glob("record-*.json")}
# What a portal or an agency sends is refused with every fault named, so that a misspelt field is not lost in silence.
STRICT = {"PortalSubmission", "PortalSupplement", "PortalRating", "PortalObjection", "ReplyFile", "AgencyAction"}
PERSONAL = {"name", "full_name", "sender", "phone", "email", "address", "contact", "lookup_secret", "email_confirmation_token"}
SPECS = topics.all_topics(["a"], ["p"])
every_event = pytest.mark.parametrize("name", sorted(MODELS))


def schema_of(name: str) -> dict[str, Any]:
    return files.schema_of(MODELS[name])


def valid(schema: dict[str, Any], data: Any) -> bool:
    jsonschema.Draft202012Validator.check_schema(schema)
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    return bool(jsonschema.Draft202012Validator(schema, format_checker=checker).is_valid(data))


def read(name: str, data: Any) -> BaseModel:
    return MODELS[name].model_validate_json(json.dumps(data))


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

    assert file_of("FeedbackRatedV2") == "feedback_rated_v2"
    assert {file_of(name) for name in MODELS} == {path.stem for path in FOLDER.glob("*.py")} - NOT_EVENTS
    for name, model in MODELS.items():
        assert model.__module__ == f"schemas.{file_of(name)}"
        assert name == model.event_name() + (f"V{model.major()}" if model.major() != "1" else "")


def test_written_files_say_what_the_code_does() -> None:
    """Documents that were written once and then forgotten are worse than none."""
    found = files.differences()
    assert not found, "\n".join(["`pakn schemas check` names these:", *found])


def test_no_file_of_the_contracts_is_left_over() -> None:
    """An event that is renamed would leave its example behind, and somebody would program against it."""
    names = {path.stem for path in (FOLDER / "examples").iterdir()}
    assert names == {*MODELS} | {f"record-{name}" for name in RECORDS}
    assert {name.partition("-")[0] for name in RECORDS} <= set(MODELS)


@every_event
def test_readers_of_what_pakn_writes_expect_values_that_they_do_not_know(name: str) -> None:
    """A closed list of rules, units or channels would make each new one a new major version."""
    lists = '"enum"' in json.dumps(schema_of(name)) or '"const"' in json.dumps(schema_of(name))
    assert not lists or MODELS[name].written_by == "others"


@every_event
def test_the_example_is_valid_by_schema_and_model_and_comes_back_unchanged(name: str) -> None:
    """The example is what others copy; a field that is lost on the way would be lost for them too."""
    assert valid(schema_of(name), EXAMPLES[name])
    assert json.loads(read(name, EXAMPLES[name]).model_dump_json(exclude_unset=True)) == EXAMPLES[name]


@every_event
def test_a_field_that_is_required_is_required_by_schema_and_model(name: str) -> None:
    """A schema that is laxer than the reader lets a portal send what then ends in the dead letters."""
    for field in EXAMPLES[name]:
        fewer = {key: value for key, value in EXAMPLES[name].items() if key != field}
        refused = nullcontext() if valid(schema_of(name), fewer) else pytest.raises(ValueError, match=field)
        with refused:
            read(name, fewer)


@every_event
def test_what_a_later_minor_version_adds_is_passed_over(name: str) -> None:
    """Old code reads new bytes: a 1.1 adds optional fields, and 1.0 must not fail on them."""
    newer = EXAMPLES[name] | {"added_in_1_1": {"any": ["thing"]}}
    if name in STRICT:
        with pytest.raises(ValueError, match="added_in_1_1"):
            read(name, newer)
    else:
        assert read(name, newer) == read(name, EXAMPLES[name])
        assert valid(schema_of(name), newer)


def test_topics_and_catalogue_name_the_same_events() -> None:
    """An event that no topic may carry cannot be published lawfully; one that no model describes cannot be read."""
    carried = [name for spec in SPECS for name in spec.events]
    assert set(carried) == {model.event_name() for model in MODELS.values()}
    assert all(len(set(spec.events)) == len(spec.events) for spec in SPECS)


@pytest.mark.parametrize("name", sorted({*topics.LIFECYCLE_EVENTS, *topics.ASSIGNMENT_EVENTS}))
def test_no_event_that_many_can_read_has_a_field_for_personal_data(name: str) -> None:
    """The lifecycle topic is kept for ever and read by all; a sender's details travel in the contacts topic only."""
    found = {(model, field) for model, field in fields(schema_of(name), name) if field in PERSONAL}
    assert found <= {("Attachment", "name"), ("UnusualDay", "name")}, "of a file, of a day off"


def test_asyncapi_lists_one_channel_for_each_kind_of_topic_and_every_event() -> None:
    """A national pack has over fifty agencies; a document with a channel for each would be read by nobody."""
    document = json.loads((FOLDER / "asyncapi.json").read_text())
    addresses = {channel["address"] for channel in document["channels"].values()}
    assert addresses == {f"{{namespace}}.{spec.name}" for spec in topics.all_topics(["{agency}"], ["{portal}"])}
    assert set(document["components"]["messages"]) == {*MODELS, "DeadLetter"}
    received = {name for name, operation in document["operations"].items() if operation["action"] == "receive"}
    assert received == {"receive-files", "receive-inbox", "receive-actions"}


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


def test_asyncapi_shows_the_whole_records_of_each_message_and_no_others() -> None:
    """A newcomer copied one action's data, and had to guess the headers and the other seven."""
    shown: dict[str, list[Any]] = {name: [] for name, model in MODELS.items() if model.written_by == "others"}
    for title, record in sorted(RECORDS.items()):
        shown.setdefault(title.partition("-")[0], []).append(record["value"])
    document = json.loads((FOLDER / "asyncapi.json").read_text())
    for name, values in shown.items():
        message = document["components"]["messages"][name]
        assert EXAMPLES[name] in values
        assert [example["payload"] for example in message["examples"]] == values
        assert all(valid(message["headers"], example["headers"]) for example in message["examples"])


@pytest.mark.parametrize("name", sorted(topics.LIFECYCLE_EVENTS))
def test_another_implementation_of_cloudevents_reads_our_records(name: str) -> None:
    """The CloudEvents project's own library is the referee: agencies will read with it, not with our code."""
    event = MODELS[name].model_validate(EXAMPLES[name])
    assert isinstance(event, schemas.Event)
    time = datetime(2026, 11, 2, 1, 12, 5, 123456, tzinfo=UTC)
    fact = schemas.fact(event, cause="cause", subject=EXAMPLES[name]["feedback_id"], time=time, source="/pakn/test")
    headers = {key: value.encode() for key, value in fact.headers().items()}
    theirs = oracle.from_binary(oracle.KafkaMessage(headers, fact.subject.encode(), fact.data.encode()), JSONFormat())
    ours = schemas.parse_envelope(headers.items())
    assert (theirs.get_id(), theirs.get_type(), theirs.get_source()) == (ours.id, ours.type, ours.source)
    assert (theirs.get_time(), theirs.get_subject()) == (ours.time, ours.subject)
    assert theirs.get_specversion() == "1.0"
    assert theirs.get_dataschema() == f"urn:pakn:schema:{name}:{event.version}" == schema_of(name)["$id"]
    assert theirs.get_datacontenttype() == "application/json"
    assert theirs.get_extension("causationid") == ours.cause
    assert theirs.get_data() == json.loads(fact.data)
    written = oracle.to_binary(theirs, JSONFormat())
    assert schemas.parse_envelope(written.headers.items()) == ours
