"""Whether records are what the contracts say of them: headers, subject, cause and data, read as others read them.

It knows the contract files and the CloudEvents project's own library, and nothing of the code that writes the records.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

import jsonschema
from cloudevents.core.bindings import kafka as oracle
from cloudevents.core.formats.json import JSONFormat

import schemas
from pakn.contracts import files
from schemas import topics
from tests.support.outside_world import Seen

_ASYNCAPI: Final = json.loads((files.FOLDER / "asyncapi.json").read_text(encoding="utf-8"))
_MESSAGES: Final = {message["name"]: message for message in _ASYNCAPI["components"]["messages"].values()}
_SCHEMAS: Final = {schema["$id"]: schema for schema in map(files.schema_of, schemas.CATALOGUE.values())}
# Topics that others write.
_OF_OTHERS: Final = (f"{topics.INBOX}.", f"{topics.ACTIONS}.", f"{topics.FILES}.")
# What a sender does by HTTP or a portal: the cause is the id under which intake has the request or the record.
_OF_SENDERS: Final = {"FeedbackSubmitted", "FeedbackNotAccepted", "FeedbackSupplemented", "FeedbackRated", "ContactRecorded"}
_OF_SENDERS |= {"FeedbackAppealed", "MatterRecorded", "SubmissionRegistered", "SubmissionRefused"}
# What time alone brings about, or a corrected calendar or rule set: the cause is the clock.
_OF_CLOCKS: Final = {"DeadlineWarning", "FeedbackOverdue", "DeadlineMoved", "OverdueWithdrawn", "DeadlinesChanged"}


def faults(records: Iterable[Seen]) -> list[str]:
    """What is not as declared of what PAKN has written among these records, which are all of a run; with event and topic."""
    rows = list(records)
    ids = {row.id for row in rows if row.id}
    written = [row for row in rows if not row.topic.startswith(_OF_OTHERS)]
    assert len({row.name for row in written}) > 10
    return sorted({f"{row.name or 'DeadLetter'} in {row.topic}: {fault}" for row in written for fault in _faults(row, ids)})


def _faults(row: Seen, ids: set[str]) -> Iterator[str]:
    if row.topic.startswith("dead."):
        yield from _header_faults(row, _MESSAGES["DeadLetter"])
        return
    if row.value is None:  # A tombstone is no event, and its headers mean nothing.
        return
    message = _MESSAGES.get(row.headers.get("ce_type", ""))
    if message is None:
        yield f"an unknown type {row.headers.get('ce_type')!r}"
        return
    yield from _header_faults(row, message)
    event = oracle.from_binary(oracle.KafkaMessage(_bytes(row), row.key, row.value), JSONFormat())
    yield from _unsound_data(row)
    yield from _unsound_subject(row, event.get_subject())
    yield from _unsound_cause(row, event.get_extension("causationid"), ids)


def _bytes(row: Seen) -> dict[str, bytes]:
    return {name: text.encode() for name, text in row.headers.items()}


def _header_faults(row: Seen, message: dict[str, Any]) -> Iterator[str]:
    declared = message["headers"]
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    for error in jsonschema.Draft202012Validator(declared, format_checker=checker).iter_errors(row.headers):
        yield f"header {error.json_path}: {error.message}"
    patterns = () if "additionalProperties" not in declared else ("original-",)
    if undeclared := [name for name in row.headers if name not in declared["properties"] and not name.startswith(patterns)]:
        yield f"headers {undeclared} are not declared"


def _unsound_data(row: Seen) -> Iterator[str]:
    schema = _SCHEMAS.get(row.headers["ce_dataschema"])
    if schema is None:
        yield f"the schema {row.headers['ce_dataschema']} is not in the catalogue"
        return
    for error in jsonschema.Draft202012Validator(schema).iter_errors(json.loads(row.value or b"")):
        yield f"data {error.json_path}: {error.message[:200]}"


def _unsound_subject(row: Seen, subject: str | None) -> Iterator[str]:
    data = row.data
    place = "/".join(str(part) for part in data.get("record", {}).values())
    declared = data.get("feedback_id") or data.get("submission_id") or data.get("act_id") or data.get("action_id") or place
    if subject != declared or (row.key or b"").decode() != declared:
        yield f"the subject is {subject!r} and the key {row.key!r}, not {declared!r}"


def _unsound_cause(row: Seen, cause: Any, ids: set[str]) -> Iterator[str]:
    clocks = {row.data.get("clock_id"), *(clock["clock_id"] for clock in row.data.get("set", ()))}
    if cause in ids - {row.id} or (row.name in _OF_CLOCKS and cause in clocks):
        return
    place = "/".join(str(part) for part in row.data.get("record", {}).values())
    if row.name not in _OF_SENDERS and cause != place:
        yield f"the cause {cause!r} is no event"
