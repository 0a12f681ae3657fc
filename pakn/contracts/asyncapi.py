"""AsyncAPI 3.1 of the topics: one channel for each kind of topic, one message for each event.

FastStream's own generator is not used: it makes one nameless message of all events of a topic, and knows neither headers,
keys, retention nor the direction of a topic that others write.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import schemas
from pakn.contracts import event_schemas
from pakn.contracts.compatibility import JsonObject
from pakn.engine import dead_letters
from pakn.errors import Reason
from schemas import AgencyAction, Event, topics
from schemas.envelope import CONTENT_TYPE

VERSION = "3.1.0"
_MODELS = {model.__name__: model for model in schemas.CATALOGUE.values()}
EXAMPLES = Path(schemas.__file__).parent / "examples"


class NoExample(LookupError):
    """An event that nobody shows; the text says which file is missing."""


def document() -> JsonObject:
    """The topics for those who read and write them: AsyncAPI 3.1, one channel for each kind of topic."""
    specs = topics.all_topics(["{agency}"], ["{portal}"])
    return {
        "asyncapi": VERSION,
        "info": {
            "title": "PAKN",
            "version": "1.0.0",
            "description": "The facts of every feedback as CloudEvents 1.0 in Kafka's binary mode.",
        },
        "defaultContentType": CONTENT_TYPE,
        "servers": _SERVERS,
        "channels": {_channel_key(spec): _channel(spec) for spec in specs},
        "operations": dict(_operations(specs)),
        "components": {
            "messages": {name: _message(name, model) for name, model in _MODELS.items()} | {"DeadLetter": _DEAD_LETTER},
            "schemas": event_schemas.components("#/components/schemas/{model}"),
            "securitySchemes": {"login": _LOGIN},
        },
    }


def _channel_key(spec: topics.TopicSpec) -> str:
    return spec.name.replace(".{agency}", "").replace(".{portal}", "").replace(".", "-")


def _channel(spec: topics.TopicSpec) -> JsonObject:
    address = f"{{namespace}}.{spec.name}"
    names = spec.events or ("DeadLetter",)
    parameters = {"namespace": {"description": "PAKN_NAMESPACE of the deployment", "default": "pakn"}}
    for placeholder, text in (("agency", "id of an agency of the pack"), ("portal", "id of a portal of the pack")):
        if f"{{{placeholder}}}" in spec.name:
            parameters[placeholder] = {"description": text}
    config: JsonObject = {key: int(value) if value.lstrip("-").isdecimal() else value for key, value in spec.config().items()}
    config["cleanup.policy"] = [config["cleanup.policy"]]
    kafka: JsonObject = {"topic": address, "topicConfiguration": config, "bindingVersion": "0.5.0"}
    if not spec.spread:
        kafka["partitions"] = 1
    partitions = "PAKN_KAFKA__PARTITIONS partitions" if spec.spread else "One partition"
    return {
        "address": address,
        "description": f"{spec.description} {partitions}.",
        "parameters": parameters,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {"kafka": kafka},
    }


def _operations(specs: list[topics.TopicSpec]) -> Iterator[tuple[str, JsonObject]]:
    for spec in specs:
        key = _channel_key(spec)
        action = "receive" if spec.events and _MODELS[spec.events[0]].written_by == "others" else "send"
        messages = [{"$ref": f"#/channels/{key}/messages/{name}"} for name in spec.events or ("DeadLetter",)]
        yield f"{action}-{key}", {"action": action, "channel": {"$ref": f"#/channels/{key}"}, "messages": messages}


def _message(name: str, model: type[Event | AgencyAction]) -> JsonObject:
    from_outside = model.written_by == "others"
    text = (model.__doc__ or "").strip()
    key = "any; records with the same key keep their order" if from_outside else "the subject"
    return {
        "name": model.type_name(),
        "title": name,
        "summary": text.splitlines()[0],
        "contentType": CONTENT_TYPE,
        "headers": _headers(model.type_name(), None if from_outside else model.dataschema()),
        "payload": {"$ref": f"#/components/schemas/{name}"},
        "examples": [*_examples(name)],
        "bindings": {"kafka": {"key": {"type": "string", "description": key}, "bindingVersion": "0.5.0"}},
    }


def _examples(name: str) -> Iterator[JsonObject]:
    """The whole records of an event that there are; the data alone where there is none. Raises NoExample."""
    for path in sorted(EXAMPLES.glob(f"record-{name}*.json")):
        record = json.loads(path.read_text())
        title = path.stem.removeprefix("record-")
        yield {"name": title, "summary": f"in {record['topic']}", "headers": record["headers"], "payload": record["value"]}
    if not [*EXAMPLES.glob(f"record-{name}*.json")]:
        if not (path := EXAMPLES / f"{name}.json").exists():
            raise NoExample(f"{name} has no example: add schemas/examples/{name}.json")
        yield {"payload": json.loads(path.read_text())}


def _headers(event_type: str, schema: str | None) -> JsonObject:
    text: JsonObject = {"type": "string", "minLength": 1}
    properties: JsonObject = {
        "ce_specversion": {"const": "1.0"},
        "ce_id": text | {"description": "unique for its source; a repeated record has the same id and is to be ignored"},
        "ce_type": {"const": event_type},
        "ce_source": text | {"format": "uri-reference"},
        "ce_time": text | {"format": "date-time", "description": "when it happened, with its offset from UTC"},
        "ce_subject": text | {"description": _SUBJECT},
        "ce_dataschema": text | {"description": "urn:pakn:schema:<event>:<major>.<minor>"},
        "ce_causationid": text | {"description": _CAUSATION_ID},
        "content-type": {"const": CONTENT_TYPE},
    }
    required = ["ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time"]
    if schema:
        # What PAKN sends is complete; who writes to PAKN may leave out what is not needed to understand a record.
        stem = re.escape(schema.rpartition(".")[0])
        properties["ce_dataschema"] |= {"pattern": rf"^{stem}\.[0-9]+$", "examples": [schema]}
        required = list(properties)
    described = "PAKN sends these headers; expect others." if schema else _OTHERS_HEADERS
    return {"type": "object", "description": described, "required": required, "properties": properties}


_SERVERS: JsonObject = {
    "local": {
        "host": "localhost:9092",
        "protocol": "kafka",
        "description": "A Kafka on the developer's own machine: `make up` starts one, says its address, and asks for no login.",
    },
    "deployment": {
        "host": "kafka.example:9093",
        "protocol": "kafka-secure",
        "description": "A deployment's Kafka. Its operator gives you the address, a user and a password, and says whether it wants "
        "TLS. Which logins there are, and which topics each may read and write, are settings of that Kafka and not of PAKN, "
        "which checks no login of its own: a topic's name says who has written it.",
        "security": [{"$ref": "#/components/securitySchemes/login"}],
    },
}
_LOGIN: JsonObject = {
    "type": "plain",
    "description": "SASL/PLAIN, the mechanism by which PAKN logs in itself (PAKN_KAFKA__SECURITY_PROTOCOL, PAKN_KAFKA__USERNAME, "
    "PAKN_KAFKA__PASSWORD); the operator may offer others",
}
_SUBJECT = (
    "the feedback id. Of a refusal that knows of no feedback: the id that its sender gave the record, "
    "or `topic/partition/offset` of a record without a readable id"
)
_CAUSATION_ID = (
    "what brought this event about (an extension attribute of PAKN's): the `ce_id` of a record, as its sender gave it, or "
    "`topic/partition/offset` of a record without a readable id. Of what a sender did by HTTP or through a portal: an id that "
    "intake gave the request or the record, the same in all events of it. Of what time alone brought about, or a corrected "
    "calendar or rule set: the `clock_id`."
)
_OTHERS_HEADERS = (
    "Other headers may be sent, such as the extension attributes `ce_traceparent` and `ce_tracestate` or a `traceparent`: they "
    "are passed over, and appear in no event of PAKN's."
)
_DEAD_LETTER: JsonObject = {
    "name": "DeadLetter",
    "title": "DeadLetter",
    "summary": "A record that could not be handled, byte for byte, with the reason in the headers.",
    "headers": {
        "type": "object",
        "required": ["reason", "reason-text", "origin", "content-type"],
        "properties": {
            "reason": {
                "type": "string",
                "description": f"what kind of fault. Known values: {', '.join(get_args(Reason))}; expect others",
            },
            "reason-text": {"type": "string", "description": "what is wrong, in words"},
            "origin": {"type": "string", "description": "topic/partition/offset of the record"},
            "content-type": {"const": dead_letters.CONTENT_TYPE},
            "value-left-out": {"type": "string", "description": "how many bytes the value had, where a letter cannot hold it"},
        },
        "additionalProperties": {"type": "string", "description": "each header of the record, as original-<name>"},
    },
    "payload": {"description": "the record's value as it was"},
}
