"""Whether a changed JSON Schema is a minor version of an event: a comparison that names each place that forbids it. Pure.

What PAKN writes is read by programs of others, and kept for ever beside what it wrote before: it may gain optional fields.
What others write may widen, since all that they send today stays valid. A keyword may change only in a way that is known
here; any other change counts as incompatible.
"""

import operator
from collections.abc import Callable, Iterator
from typing import Any

from schemas.envelope import Writer

JsonObject = dict[str, Any]
# Keywords that say something to the reader and nothing to a validator, and the definitions, which stand at their $ref.
_WORDS = frozenset({"title", "description", "examples", "$id", "$schema", "$defs"})
_UNIONS = ("anyOf", "oneOf")
# What `false` as a schema means: no value is valid.
_NOTHING: JsonObject = {"not": {}}
# When the new limit takes all that the old one took; a limit that goes away always does.
_WIDER: dict[str, Callable[[Any, Any], bool]] = {
    **dict.fromkeys(("minLength", "minItems", "minProperties", "minimum", "exclusiveMinimum"), operator.le),
    **dict.fromkeys(("maxLength", "maxItems", "maxProperties", "maximum", "exclusiveMaximum"), operator.ge),
    **dict.fromkeys(("pattern", "format", "multipleOf", "uniqueItems"), operator.eq),
}


def incompatible(old: JsonObject, new: JsonObject, written_by: Writer) -> list[str]:
    """The places at which `new` is more than a minor version after `old`, each with what is wrong; none where it is one."""
    found = _changed(_rules(old), _rules(new), "", True) if written_by == "pakn" else _narrowed(_rules(old), _rules(new), "")
    return [*found]


def changed(old: JsonObject, new: JsonObject) -> list[str]:
    """The places at which the two schemas take different data; words, as titles and descriptions, may differ."""
    return [*_changed(_rules(old), _rules(new), "", False)]


def _rules(schema: JsonObject) -> JsonObject:
    """What of a schema decides which data is valid, with each `$ref` replaced by what it names."""
    definitions = schema.get("$defs", {})

    def rules(part: Any, inside: tuple[str, ...]) -> Any:
        if not isinstance(part, dict):
            return {} if part is True else _NOTHING
        found: JsonObject = {}
        for key, value in part.items():
            match key:
                case "properties":
                    found[key] = {name: rules(field, inside) for name, field in value.items()}
                case "items" | "additionalProperties" | "contentSchema":
                    found[key] = rules(value, inside)
                case "anyOf" | "oneOf":
                    found[key] = [rules(variant, inside) for variant in value]
                case "required" | "enum":
                    found[key] = sorted(value, key=repr)
                case _ if key not in _WORDS and key != "$ref":
                    # What an unknown keyword refers to may have changed under the same name.
                    found[key] = [value, definitions] if "$ref" in repr(value) else value
        name = part.get("$ref")
        if name is None:
            return found
        target = definitions.get(name.removeprefix("#/$defs/"))
        if target is None or name in inside:
            return found | {"$ref": name}
        there = rules(target, (*inside, name))
        return there | found if there.keys().isdisjoint(found) else found | {"allOf": [there]}

    result: JsonObject = rules(schema, ())
    return result


def _changed(old: JsonObject, new: JsonObject, at: str, additions: bool) -> Iterator[str]:
    """Each place of a change, apart from new optional fields where `additions` are allowed."""
    for key in sorted({*old, *new}):
        before, after, place = old.get(key), new.get(key), f"{at}/{key}"
        if before == after and (key in old) == (key in new):
            continue
        match key:
            case "properties":
                before, after = before or {}, after or {}
                yield from (f"{place}/{name}: is gone" for name in sorted(before.keys() - after))
                if not additions or old.get("additionalProperties", {}) != {}:
                    yield from (f"{place}/{name}: is new" for name in sorted(after.keys() - before))
                for name in sorted(before.keys() & after):
                    yield from _changed(before[name], after[name], f"{place}/{name}", additions)
            case "required":
                yield from (f"{place}/{name}: is required now" for name in sorted({*(after or ())} - {*(before or ())}))
                yield from (f"{place}/{name}: is no longer required" for name in sorted({*(before or ())} - {*(after or ())}))
            case "items" | "additionalProperties" | "contentSchema" if before and after:
                yield from _changed(before, after, place, additions)
            case "anyOf" | "oneOf" if before and after and len(before) == len(after):
                for number, pair in enumerate(zip(before, after, strict=True)):
                    yield from _changed(*pair, f"{place}/{number}", additions)
            case _:
                yield _was(place, before, after)


def _narrowed(old: JsonObject, new: JsonObject, at: str) -> Iterator[str]:
    """Each place at which `new` may refuse or mistake what `old` takes."""
    if old in (new, _NOTHING):
        return
    if "default" in old and old["default"] != new.get("default"):
        # Whoever left the field out would now say something else.
        yield _was(f"{at}/default", old["default"], new.get("default"))
    if not {*old, *new}.isdisjoint(_UNIONS):
        yield from _narrowed_union(old, new, at)
        return
    yield from _narrowed_values(old, new, at)
    for key in sorted({*old, *new} - {"type", "enum", "const", "default"}):
        before, after, place = old.get(key), new.get(key), f"{at}/{key}"
        match key:
            case "properties":
                yield from (f"{place}/{name}: is gone" for name in sorted((before or {}).keys() - (after or {}).keys()))
                for name in sorted((before or {}).keys() & (after or {}).keys()):
                    yield from _narrowed(old[key][name], new[key][name], f"{place}/{name}")
            case "required":
                yield from (f"{place}/{name}: is required now" for name in sorted({*(after or ())} - {*(before or ())}))
            case "items" | "additionalProperties" | "contentSchema":
                yield from _narrowed(before or {}, after or {}, place)
            case _ if key in _WIDER:
                if after is not None and (before is None or not _WIDER[key](after, before)):
                    yield _was(place, before, after)
            case _ if before != after:
                yield _was(place, before, after)


def _narrowed_values(old: JsonObject, new: JsonObject, at: str) -> Iterator[str]:
    """The same of the keywords that list types and values."""
    before, after = _types(old), _types(new)
    if after and not (before and before <= after):
        yield _was(f"{at}/type", old.get("type"), new.get("type"))
    known, taken = _values(old), _values(new)
    if known is None and taken is not None:
        yield f"{at}/enum: was open, is {taken}"
    elif known is not None and taken is not None and (gone := [value for value in known if value not in taken]):
        yield f"{at}/enum: without {', '.join(gone)}"


def _narrowed_union(old: JsonObject, new: JsonObject, at: str) -> Iterator[str]:
    """The same where one of the two is a union: each variant of the old one must find one that takes all that it takes."""
    variants = _variants(new)
    tag = _tag_name(variants)
    tags = [_tag(variant, tag) for variant in variants]
    if "oneOf" in new and (None in tags or len({*tags}) < len(tags)):
        # What two variants take is refused, so a wider one may refuse more.
        yield f"{at}/oneOf: its variants are not told apart by a required constant"
        return
    for number, variant in enumerate(_variants(old)):
        own = _tag(variant, tag)
        place = f"{at}/{own or number}"
        if own is not None and own not in tags:
            yield f"{place}: is gone"
            continue
        alike = [other for other, name in zip(variants, tags, strict=True) if own is None or name == own]
        # Where none takes it, the place is named in the one that comes nearest.
        found = [([*_narrowed(variant, other, place)], _types(other) != _types(variant)) for other in alike]
        yield from min(found, key=lambda row: (bool(row[0]), row[1], len(row[0])))[0]


def _variants(schema: JsonObject) -> list[JsonObject]:
    union = next((key for key in _UNIONS if key in schema), None)
    beside = {key: value for key, value in schema.items() if key not in (union, "default")}
    if union is None:
        return [beside]
    return [beside | (row if beside.keys().isdisjoint(row) else {"allOf": [row]}) for row in schema[union]]


def _tag_name(variants: list[JsonObject]) -> str | None:
    """The field that every variant requires with a constant of its own, such as `action`; none where there is no such field."""
    for name in variants[0].get("required", ()):
        tags = [_tag(variant, name) if name in variant.get("required", ()) else None for variant in variants]
        if None not in tags and len({*tags}) == len(tags):
            return str(name)
    return None


def _tag(variant: JsonObject, name: str | None) -> str | None:
    values = _values(variant.get("properties", {}).get(name, {})) if name else None
    return values[0].strip("'") if values and len(values) == 1 else None


def _types(schema: JsonObject) -> set[str]:
    found = schema.get("type", ())
    types = {found} if isinstance(found, str) else {*found}
    return types | {"integer"} if "number" in types else types


def _values(schema: JsonObject) -> list[str] | None:
    # As text, since in Python 1 equals True.
    if "const" in schema:
        return [repr(schema["const"])]
    return [repr(value) for value in schema["enum"]] if "enum" in schema else None


def _was(place: str, before: Any, after: Any) -> str:
    return f"{place}: was {before!r:.80}, is {after!r:.80}"
