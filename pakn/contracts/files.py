"""The contracts in files: a frozen JSON Schema per released event, AsyncAPI of the topics, OpenAPI of intake.

`pakn schemas write` writes them from the code, `pakn schemas check` says what differs; `tests/contract/test_catalogue.py`
runs the same comparison.
"""

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import typer
from pydantic import SecretStr

import schemas
from pakn.contracts import asyncapi
from pakn.contracts.asyncapi import JsonObject
from pakn.settings import IntakeSettings, Settings
from schemas import AgencyAction, Event

FOLDER = Path(schemas.__file__).parent
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
# Keywords that say something to the reader and nothing to a validator: they may be corrected in a released schema.
_WORDS = frozenset({"title", "description", "examples"})
# Under these keywords stand names that the event's author chose, and a field may well be called `description`.
_NAMED = frozenset({"properties", "$defs"})
cli = typer.Typer(no_args_is_help=True, add_completion=False, help="The contracts: JSON Schemas, AsyncAPI, OpenAPI.")


class Frozen(Exception):
    """The text names the released schemas that the code no longer agrees with."""


def released_schema(model: type[Event | AgencyAction]) -> JsonObject:
    """The JSON Schema of an event's data, as it is released."""
    return {"$schema": _DIALECT, "$id": model.dataschema(), **model.model_json_schema()}


def rules(schema: Any) -> Any:
    """What of a schema decides whether data is valid: everything but the words."""
    if isinstance(schema, list):
        return [rules(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: {name: rules(part) for name, part in value.items()} if key in _NAMED else rules(value)
        for key, value in schema.items()
        if key not in _WORDS and key != "$id"
    }


def only_adds(old: JsonObject, new: JsonObject) -> bool:
    """Whether `new` is `old` with optional fields added, which is what a minor version may do."""
    return bool(_without_additions(rules(old), rules(new)) == rules(old))


def _without_additions(old: Any, new: Any) -> Any:
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    kept = {key: value for key, value in new.items() if key in old or key not in _NAMED}
    for key, value in kept.items():
        if key in _NAMED:
            kept[key] = {name: _without_additions(old[key][name], part) for name, part in value.items() if name in old[key]}
        else:
            kept[key] = _without_additions(old.get(key), value)
    return kept


def openapi() -> JsonObject:
    """The HTTP interface of intake, as it is served too: OpenAPI 3.1."""
    build: Callable[[Settings], Any] = import_module("services.intake.app").build_app
    app = build(Settings(intake=IntakeSettings(secret_key=SecretStr("no secret: nothing is signed here")))).app
    document: JsonObject = app.openapi_schema.to_schema()
    return document


def expected_files() -> dict[Path, JsonObject]:
    """Every file that is written from the code, below `schemas/`, with its content."""
    files = {Path(model.schema_file()): released_schema(model) for model in schemas.CATALOGUE.values()}
    return files | {Path("asyncapi.json"): asyncapi.document(), Path("openapi.json"): openapi()}


def text_of(document: JsonObject) -> str:
    """The document as it stands in its file."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def differences(folder: Path = FOLDER) -> list[str]:
    """The files in `folder` that are missing or differ from what the code says; empty when all agree."""
    return [
        str(path)
        for path, document in expected_files().items()
        if not (folder / path).exists() or (folder / path).read_text() != text_of(document)
    ]


def write_files(folder: Path = FOLDER) -> list[str]:
    """Write what differs and return its names. Raises Frozen, before anything is written, when a released schema would change."""
    files = expected_files()
    broken = [
        str(path)
        for path, document in files.items()
        if path.parts[0] == "released"
        and (folder / path).exists()
        and rules(json.loads((folder / path).read_text())) != rules(document)
    ]
    if broken:
        raise Frozen(f"Released schemas never change; raise the version of the event (1.1 for one more optional field): {broken}")
    written = differences(folder)
    for name in written:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text_of(files[Path(name)]))
    return written


@cli.command()
def write() -> None:
    """Write the files that differ from the code; a released schema is never changed."""
    try:
        written = write_files()
    except Frozen as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    typer.echo("\n".join(written) or "Everything agrees with the code.")


@cli.command()
def check() -> None:
    """Exit with 1 and name the files that differ from the code."""
    if found := differences():
        typer.echo("These differ from the code; run `pakn schemas write`:\n" + "\n".join(found), err=True)
        raise typer.Exit(1)
