"""Which changes of a schema are a minor version, by who writes the event, and what a release freezes."""

import json
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

import jsonschema
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import create_model
from typer.testing import CliRunner

import schemas
from pakn.contracts import commands, compatibility, files
from schemas.envelope import Writer

Change = Callable[[dict[str, Any]], object]
# What both kinds of event are made of: a nested model by $ref, a limit, a closed and an open text, a choice, a default.
OLD: dict[str, Any] = {
    "type": "object",
    "required": ["code", "kind"],
    "properties": {
        "code": {"type": "string", "minLength": 2, "maxLength": 50, "pattern": "^[A-Z]+$"},
        "kind": {"type": "string", "enum": ["a", "b"]},
        "open": {"type": "string", "description": "words"},
        "number": {"type": "integer", "minimum": 0, "maximum": 9},
        "note": {"anyOf": [{"type": "string", "maxLength": 9}, {"type": "null"}], "default": None},
        "places": {"type": "array", "items": {"$ref": "#/$defs/Place"}, "maxItems": 3},
        "person": {"type": "boolean", "default": True},
        "odd": {"type": "array", "contains": {"type": "string"}},
    },
    "$defs": {"Place": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}},
}
WRITERS: tuple[Writer, ...] = get_args(Writer)


def fields(schema: Any) -> Any:
    return schema["properties"]


def place(schema: Any) -> Any:
    return schema["$defs"]["Place"]


# Each change, where it lies, and who may make it in a minor version.
CHANGES: dict[str, tuple[Change, str, str]] = {
    "optional field": (lambda s: fields(s).update(new={"type": "string"}), "/properties/new", "both"),
    "required field": (lambda s: (fields(s).update(new={}), s["required"].append("new")), "/required/new", "nobody"),
    "field inside": (lambda s: place(s)["properties"].update(new={}), "/properties/places/items/properties/new", "both"),
    "field gone": (lambda s: fields(s).pop("open"), "/properties/open", "nobody"),
    "gone inside": (lambda s: place(s)["properties"].pop("name"), "/properties/places/items/properties/name", "nobody"),
    "optional, was required": (lambda s: s["required"].remove("code"), "/required/code", "others"),
    "required, was optional": (lambda s: s["required"].append("open"), "/required/open", "nobody"),
    "longer": (lambda s: fields(s)["code"].update(maxLength=60), "/properties/code/maxLength", "others"),
    "shorter": (lambda s: fields(s)["code"].update(maxLength=40), "/properties/code/maxLength", "nobody"),
    "a longer variant": (lambda s: fields(s)["note"]["anyOf"][0].update(maxLength=10), "/properties/note/", "others"),
    "a shorter variant": (lambda s: fields(s)["note"]["anyOf"][0].update(maxLength=8), "/properties/note/", "nobody"),
    "a limit": (lambda s: fields(s)["open"].update(maxLength=9), "/properties/open/maxLength", "nobody"),
    "no limit": (lambda s: fields(s)["code"].pop("minLength"), "/properties/code/minLength", "others"),
    "greater": (lambda s: fields(s)["number"].update(maximum=10), "/properties/number/maximum", "others"),
    "negative": (lambda s: fields(s)["number"].update(minimum=-1), "/properties/number/minimum", "others"),
    "positive": (lambda s: fields(s)["number"].update(minimum=1), "/properties/number/minimum", "nobody"),
    "fewer items": (lambda s: fields(s)["places"].update(maxItems=2), "/properties/places/maxItems", "nobody"),
    "no pattern": (lambda s: fields(s)["code"].pop("pattern"), "/properties/code/pattern", "others"),
    "other pattern": (lambda s: fields(s)["code"].update(pattern="^[A-Z]*$"), "/properties/code/pattern", "nobody"),
    "a format": (lambda s: fields(s)["open"].update(format="uri"), "/properties/open/format", "nobody"),
    "one more value": (lambda s: fields(s)["kind"]["enum"].append("c"), "/properties/kind/enum", "others"),
    "one value less": (lambda s: fields(s)["kind"]["enum"].remove("a"), "/properties/kind/enum", "nobody"),
    "opened text": (lambda s: fields(s)["kind"].pop("enum"), "/properties/kind/enum", "others"),
    "closed text": (lambda s: fields(s)["open"].update(enum=["a"]), "/properties/open/enum", "nobody"),
    "other type": (lambda s: fields(s)["open"].update(type="integer"), "/properties/open/type", "nobody"),
    "any number": (lambda s: fields(s)["number"].update(type="number"), "/properties/number/type", "others"),
    "anything": (lambda s: fields(s).update(open={}), "/properties/open/type", "others"),
    "nullable": (lambda s: fields(s).update(open={"anyOf": [fields(s)["open"], {"type": "null"}]}), "/properties/open/", "others"),
    "not nullable": (lambda s: fields(s)["note"]["anyOf"].pop(), "/properties/note/", "nobody"),
    "other default": (lambda s: fields(s)["person"].update(default=False), "/properties/person/default", "nobody"),
    "closed object": (lambda s: s.update(additionalProperties=False), "/additionalProperties", "nobody"),
    "unknown keyword": (lambda s: fields(s)["open"].update({"not": {}}), "/properties/open/not", "nobody"),
    "unknown widened": (lambda s: fields(s)["odd"].update(contains={}), "/properties/odd/contains", "nobody"),
    "a field named title": (lambda s: fields(s).update(title={"type": "string"}), "/properties/title", "both"),
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("writer", WRITERS)
def test_a_minor_version_adds_to_what_pakn_writes_and_widens_what_others_write(name: str, writer: Writer) -> None:
    """A new action, a new channel, a wider limit was once no minor version, whoever wrote the event."""
    change, where, allowed = CHANGES[name]
    new = deepcopy(OLD)
    change(new)
    found = compatibility.incompatible(OLD, new, writer)
    assert (found == []) == (allowed in (writer, "both")), found
    assert all(line.startswith(where) for line in found), found
    assert any(line.startswith(where) for line in compatibility.changed(OLD, new))
    if allowed == "others":
        assert compatibility.incompatible(new, OLD, "others"), "what widens one way narrows the other"


VALUES: dict[str, list[Any]] = {
    "code": ["AB", "A" * 45, "A" * 55, "a"],
    "kind": ["a", "b", "c"],
    "open": ["x", "x" * 12, 5, None],
    "number": [0, 9, 10, -1, 1.5],
    "note": [None, "x", "x" * 9, "x" * 12],
    "places": [[], [{"name": "x"}] * 3, [{}]],
    "person": [True],
    "odd": [["x"], [5]],
}


@given(
    names=st.lists(st.sampled_from(sorted(CHANGES)), min_size=1, max_size=3, unique=True),
    data=st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in VALUES.items()}),
)
def test_whatever_was_valid_stays_valid_after_a_minor_version_of_what_others_write(names: list[str], data: dict[str, Any]) -> None:
    """JSON Schema itself is the referee."""
    data = {"code": "AB", "kind": "a"} | data
    assume(jsonschema.Draft202012Validator(OLD).is_valid(data))
    new = deepcopy(OLD)
    with suppress(KeyError, ValueError):  # Two changes may have the same keyword.
        for name in names:
            CHANGES[name][0](new)
    if not compatibility.incompatible(OLD, new, "others"):
        jsonschema.Draft202012Validator(new).validate(data)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"contains": {"$ref": "#/$defs/X"}, "$defs": {"X": {}}}, {"contains": {"$ref": "#/$defs/X"}, "$defs": {"X": {"not": {}}}}),
        (
            {"$ref": "#/$defs/X", "maxLength": 5, "$defs": {"X": {"maxLength": 9}}},
            {"$ref": "#/$defs/X", "maxLength": 5, "$defs": {"X": {"maxLength": 3}}},
        ),
        ({"oneOf": [{"type": "string", "maxLength": 3}, {"minLength": 5}]}, {"oneOf": [{"type": "string"}, {"minLength": 5}]}),
    ],
    ids=["named by an unknown keyword", "beside a $ref", "variants that nothing tells apart"],
)
def test_no_change_hides_behind_what_is_not_understood(old: dict[str, Any], new: dict[str, Any]) -> None:
    for found in (compatibility.changed(old, new), *(compatibility.incompatible(old, new, writer) for writer in WRITERS)):
        assert found
    assert compatibility.changed({"const": None}, {})


def test_words_change_nothing() -> None:
    new = deepcopy(OLD) | {"title": "other", "$id": "other"}
    fields(new)["open"] |= {"description": "better words", "examples": ["a"]}
    assert compatibility.changed(OLD, new) == []


def without(schema: dict[str, Any], variant: str) -> dict[str, Any]:
    """The schema of actions as it was before one of them was added."""
    kept = [row for row in schema["oneOf"] if row["$ref"] != f"#/$defs/{variant}"]
    return schema | {"oneOf": kept}


def test_agencies_may_get_a_new_action_and_lose_none() -> None:
    all_actions = files.schema_of(schemas.AgencyAction)
    fewer = without(all_actions, "SendBack")
    assert compatibility.incompatible(fewer, all_actions, "others") == []
    assert compatibility.incompatible(all_actions, fewer, "others") == ["/send_back: is gone"]
    assert compatibility.incompatible(fewer, all_actions, "pakn")


def test_a_place_inside_an_action_is_named_by_the_action() -> None:
    old, new = files.schema_of(schemas.AgencyAction), files.schema_of(schemas.AgencyAction)
    new["$defs"]["Reply"]["properties"]["reply"]["maxLength"] = 100
    new["$defs"]["Accept"]["properties"]["on_behalf_of"] = {"type": "string"}
    assert compatibility.incompatible(old, new, "others") == ["/reply/properties/reply/maxLength: was 20000, is 100"]


def test_a_strict_event_of_others_may_gain_a_field_and_one_of_pakn_may_not() -> None:
    old = OLD | {"additionalProperties": False}
    new = deepcopy(old)
    fields(new)["new"] = {"type": "string"}
    assert compatibility.incompatible(old, new, "others") == []
    assert compatibility.incompatible(old, new, "pakn") == ["/properties/new: is new"]
    assert compatibility.incompatible(old, OLD, "others") == [], "what refused unknown fields may pass them over"


@pytest.mark.parametrize("model", schemas.CATALOGUE.values(), ids=lambda model: model.__name__)
def test_every_schema_of_the_catalogue_can_be_compared(model: type[schemas.Event]) -> None:
    schema = files.schema_of(model)
    assert compatibility.changed(schema, deepcopy(schema)) == []
    assert compatibility.incompatible(schema, schema | {"type": "array"}, model.written_by)


def later(monkeypatch: pytest.MonkeyPatch, version: str, **fields: Any) -> None:
    """Put FeedbackRated into the catalogue as a later image of PAKN has it."""
    make: Any = create_model
    model = make("FeedbackRated", __base__=schemas.FeedbackRated, **fields)
    model.version = version
    monkeypatch.setitem(schemas.CATALOGUE, "pakn.FeedbackRated.v1", model)


@pytest.fixture(autouse=True)
def first_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    """The catalogue as at its first release, whatever versions it has by now: these tests release into empty folders."""
    for model in schemas.CATALOGUE.values():
        monkeypatch.setattr(model, "version", f"{model.major()}.0")


def test_a_release_freezes_and_a_minor_version_gets_a_file_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody validates by a released schema already."""
    assert len(files.release(tmp_path)) == len(schemas.CATALOGUE) + 1, "each event, and OpenAPI"
    first = {path: path.read_text() for path in (tmp_path / "released").rglob("*.json")}
    assert json.loads(first[tmp_path / "released" / "FeedbackRated-1.0.json"])["$id"] == "urn:pakn:schema:FeedbackRated:1.0"
    later(monkeypatch, "1.0", __doc__="Better words.")
    assert files.release(tmp_path) == []
    later(monkeypatch, "1.1", stars=(int | None, None))
    assert files.release(tmp_path) == ["FeedbackRated-1.1.json"]
    assert {path: path.read_text() for path in first} == first


@pytest.mark.parametrize(
    ("version", "fields", "said"),
    [
        (
            "1.0",
            {"stars": (int | None, None)},
            'FeedbackRated 1.0 is released with other rules; set version = "1.1" in its class: /properties/stars',
        ),
        (
            "1.1",
            {"stars": (int, ...)},
            "the change of FeedbackRated 1.1 breaks others; write it as FeedbackRatedV2: /required/stars",
        ),
        (
            "1.1",
            {"satisfied": (Literal[True], ...)},
            "the change of FeedbackRated 1.1 breaks others.*: /properties/satisfied/const",
        ),
        ("1.2", {}, r"FeedbackRated 1\.2: the newest that is released is 1\.0"),
    ],
)
def test_a_release_that_would_break_readers_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, fields: dict[str, Any], said: str
) -> None:
    files.release(tmp_path)
    (tmp_path / "released" / "FeedbackReplied-1.0.json").unlink()
    later(monkeypatch, version, **fields)
    with pytest.raises(files.NotReleasable, match=said):
        files.release(tmp_path)
    assert any(version in line for line in files.differences(tmp_path))
    assert not (tmp_path / "released" / "FeedbackReplied-1.0.json").exists()


def test_an_event_that_is_released_cannot_leave_the_catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files.release(tmp_path)
    monkeypatch.delitem(schemas.CATALOGUE, "pakn.FeedbackRated.v1")
    with pytest.raises(files.NotReleasable, match=r"pakn\.FeedbackRated\.v1 is released"):
        files.release(tmp_path)


def test_the_command_names_the_places_and_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files.write(tmp_path)
    monkeypatch.setattr(files, "release", partial(files.release, tmp_path))
    monkeypatch.setattr(files, "differences", partial(files.differences, tmp_path))
    assert "FeedbackRated-1.0.json" in CliRunner().invoke(commands.cli, ["release"]).output
    later(monkeypatch, "1.1", stars=(int, ...))
    result = CliRunner().invoke(commands.cli, ["release"])
    assert (result.exit_code, "/required/stars" in result.output) == (1, True)
