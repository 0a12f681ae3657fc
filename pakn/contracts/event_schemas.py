"""The JSON Schema of each event, as readers and writers get it.

What PAKN writes promises no bounds and patterns of its texts. Most of these come from what others write, which may take more
one day; a reader that had relied on the bounds of today would break then.
"""

from typing import Any

import schemas
from pakn.contracts.compatibility import JsonObject
from schemas import AgencyAction, Event

_OF_TEXTS = ("minLength", "maxLength", "pattern")


def data_schema(model: type[Event | AgencyAction], ref_template: str = "#/$defs/{model}") -> JsonObject:
    """The JSON Schema of an event's data, with its definitions under `$defs`."""
    schema: JsonObject = model.model_json_schema(ref_template=ref_template)
    return _unbounded(schema) if model.written_by == "pakn" else schema


def components(ref_template: str) -> JsonObject:
    """The schemas of all events and of what they share, by name. Raises ValueError if both directions share a bounded one."""
    found: JsonObject = {}
    for name, model in {model.__name__: model for model in schemas.CATALOGUE.values()}.items():
        schema = data_schema(model, ref_template)
        for part, definition in {**schema.pop("$defs", {}), name: schema}.items():
            if found.setdefault(part, definition) != definition:
                raise ValueError(f"{part} is bounded in what others write and not in what PAKN writes: give one another name")
    return dict(sorted(found.items()))


def _unbounded(part: Any, *, of_names: bool = False) -> Any:
    """The schema without bounds of texts; the keys of an object `of_names` are names of fields, and none of them is a bound."""
    if isinstance(part, list):
        return [_unbounded(row) for row in part]
    if not isinstance(part, dict):
        return part
    bounds = () if of_names else _OF_TEXTS
    named = ("properties", "$defs")
    return {key: _unbounded(value, of_names=key in named and not of_names) for key, value in part.items() if key not in bounds}
