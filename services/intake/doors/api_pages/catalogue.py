"""The event catalogue as people read it: each event of the AsyncAPI document with its topics, its fields and an example. Pure."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

Json = Mapping[str, Any]


class Topic(NamedTuple):
    """Where an event is found, and whether PAKN writes it there."""

    address: str
    by_pakn: bool


class Field(NamedTuple):
    """A field by its path, such as `record.offset`; `[]` stands for each element of a list."""

    name: str
    type: str
    required: bool
    meaning: str


class ReadableEvent(NamedTuple):
    """An event with all that is said of it."""

    name: str
    type: str
    summary: str
    topics: list[Topic]
    fields: list[Field]
    examples: list[str]


def events(document: Json) -> list[ReadableEvent]:
    """The events of an AsyncAPI document (3.0), in its order."""
    found = []
    for name, message in document["components"]["messages"].items():
        schema = _resolved(document, message["payload"])
        examples = [json.dumps(row["payload"], indent=2, ensure_ascii=False) for row in message.get("examples", ())]
        topics = list(_topics(document, name))
        found.append(ReadableEvent(name, message["name"], message["summary"], topics, list(_fields(document, schema)), examples))
    return found


def _topics(document: Json, message: str) -> Iterator[Topic]:
    for operation in document["operations"].values():
        channel = _resolved(document, operation["channel"])
        if message in channel["messages"] and any(row["$ref"].endswith(f"/{message}") for row in operation["messages"]):
            yield Topic(channel["address"], operation["action"] == "send")


def _fields(document: Json, schema: Json, prefix: str = "", above: tuple[str, ...] = ()) -> Iterator[Field]:
    """The fields of an object, those inside its objects behind each. What holds itself is not opened again."""
    alternatives = [part for part in schema.get("oneOf", ())]
    for part in alternatives:
        inner = _resolved(document, part)
        if part["$ref"] not in above:
            yield from _fields(document, inner, f"{prefix}({inner['title']}) ", (*above, part["$ref"]))
    for name, field in schema.get("properties", {}).items():
        options = [row for row in field.get("anyOf", (field,)) if row != {"type": "null"}]
        part = {**options[0], **{key: value for key, value in field.items() if key != "anyOf"}}
        whole = _resolved(document, part)
        element = _resolved(document, whole["items"]) if "items" in whole else whole
        yield Field(prefix + name, _type(whole, element), name in schema.get("required", ()), _meaning(part, whole))
        place = part.get("$ref") or whole.get("items", {}).get("$ref", "")
        if ("properties" in element or "oneOf" in element) and place not in above:
            ending = "[]." if "items" in whole else "."
            yield from _fields(document, element, f"{prefix}{name}{ending}", (*above, place))


def _type(whole: Json, element: Json) -> str:
    inner = "one of several" if "oneOf" in element else str(element.get("type", "any value"))
    if "const" in element:
        inner = json.dumps(element["const"], ensure_ascii=False)
    elif "enum" in element:
        inner = ", ".join(json.dumps(value, ensure_ascii=False) for value in element["enum"])
    elif "format" in element:
        inner = f"{inner}, {element['format']}"
    return f"list of {inner}" if "items" in whole else inner


def _meaning(part: Json, whole: Json) -> str:
    said = [str(part.get("description") or whole.get("description") or "").rstrip(".")]
    bounds = {"minLength": "at least {} characters", "maxLength": "at most {} characters", "maxItems": "at most {} elements"}
    bounds |= {"minimum": "from {}", "maximum": "up to {}", "pattern": "as in {}"}
    said += [words.format(whole[key]) for key, words in bounds.items() if key in whole]
    return "; ".join(filter(None, said))


def _resolved(document: Json, part: Json) -> Json:
    if "$ref" not in part:
        return part
    found: Any = document
    for step in part["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return _resolved(document, found)
