"""Whether a changed OpenAPI document still serves every program that was written for the one before. Pure.

What a program sends today must be taken tomorrow, and what it reads today must be there tomorrow. Operations, optional
parameters, optional fields and further statuses may come.
"""

import json
from collections.abc import Iterator
from typing import Any

from pakn.contracts import compatibility
from pakn.contracts.compatibility import JsonObject

# They say something to the reader, and nothing to a program.
_WORDS = frozenset({"title", "summary", "description", "examples", "example", "operationId", "tags", "info", "servers"})
_METHODS = ("get", "put", "post", "delete", "patch", "head", "options")


def incompatible(old: JsonObject, new: JsonObject) -> list[str]:
    """The places at which `new` breaks a program that was written for `old`, each with what is wrong."""
    found: list[str] = []
    for path, operations in old["paths"].items():
        for method in (name for name in _METHODS if name in operations):
            place, now = f"{method.upper()} {path}", new["paths"].get(path, {}).get(method)
            found += [f"{place}: is gone"] if now is None else _operation(old, operations[method], new, now, place)
    return found


def changed(old: JsonObject, new: JsonObject) -> bool:
    """Whether the two documents say different things to a program."""
    return bool(_without_words(old) != _without_words(new))


def _without_words(part: Any, *, of_names: bool = False) -> Any:
    """The part without its words; the keys of an object `of_names` are names of fields, and none of them is a word."""
    if isinstance(part, list):
        return [_without_words(row) for row in part]
    if not isinstance(part, dict):
        return part
    kept = part if of_names else {key: value for key, value in part.items() if key not in _WORDS}
    return {key: _without_words(value, of_names=key == "properties" and not of_names) for key, value in kept.items()}


def _operation(old: JsonObject, before: JsonObject, new: JsonObject, after: JsonObject, place: str) -> Iterator[str]:
    yield from _parameters(old, before, new, after, place)
    sent, taken = before.get("requestBody", {}), after.get("requestBody", {})
    if taken.get("required") and not sent.get("required"):
        yield f"{place}: a body is required now"
    for kind, content in sent.get("content", {}).items():
        if kind not in taken.get("content", {}):
            yield f"{place}: a body of {kind} is no longer taken"
            continue
        there = taken["content"][kind]
        found = compatibility.incompatible(_schema(old, content), _schema(new, there), "others")
        yield from (f"{place} body {fault}" for fault in found)
    for status, answer in before.get("responses", {}).items():
        # A status that is not answered any more breaks nobody.
        for kind, content in answer.get("content", {}).items():
            told = after.get("responses", {}).get(status)
            if told is None:
                continue
            if kind not in told.get("content", {}):
                yield f"{place}: {status} is no longer answered as {kind}"
                continue
            found = compatibility.incompatible(_schema(old, content), _schema(new, told["content"][kind]), "pakn")
            yield from (f"{place} {status} {fault}" for fault in found)


def _parameters(old: JsonObject, before: JsonObject, new: JsonObject, after: JsonObject, place: str) -> Iterator[str]:
    known, taken = _by_name(before), _by_name(after)
    for name, parameter in taken.items():
        if parameter.get("required") and not known.get(name, {}).get("required"):
            yield f"{place}: {' '.join(name)} is required now"
    for name, parameter in known.items():
        if name not in taken:
            yield f"{place}: {' '.join(name)} is gone"
            continue
        found = compatibility.incompatible(_schema(old, parameter), _schema(new, taken[name]), "others")
        yield from (f"{place} {' '.join(name)} {fault}" for fault in found)


def _by_name(operation: JsonObject) -> dict[tuple[str, str], JsonObject]:
    return {(row["in"], row["name"]): row for row in operation.get("parameters", ())}


def _schema(document: JsonObject, holder: JsonObject) -> JsonObject:
    """The schema of a body or a parameter as one of JSON Schema, with the definitions that it refers to."""
    whole = {**holder.get("schema", {}), "$defs": document.get("components", {}).get("schemas", {})}
    found: JsonObject = json.loads(json.dumps(whole).replace("#/components/schemas/", "#/$defs/"))
    return found
