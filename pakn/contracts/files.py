"""The contracts in files: AsyncAPI of the topics with the schema of each event, OpenAPI of intake, and what is released.

A release freezes the JSON Schema of each event in `released/`, and OpenAPI in `released/http/`; from then on a version never
changes, and a new minor version only as `compatibility.py` and `http_compatibility.py` allow.
"""

import json
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import SecretStr

import schemas
from pakn.contracts import asyncapi, compatibility, event_schemas, http_compatibility
from pakn.contracts.compatibility import JsonObject
from pakn.settings import IntakeSettings, Settings
from schemas import AgencyAction, Event

FOLDER = Path(schemas.__file__).parent
_RELEASED = "released"
_HTTP = "http"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


class NotReleasable(Exception):
    """The text names each place of a schema that forbids the release."""


def schema_of(model: type[Event | AgencyAction]) -> JsonObject:
    """The JSON Schema of an event's data, as it is released."""
    return {"$schema": _DIALECT, "$id": model.dataschema(), **event_schemas.data_schema(model)}


def openapi() -> JsonObject:
    """The HTTP interface of intake, as it is served too: OpenAPI 3.1."""
    build: Callable[[Settings], Any] = import_module("services.intake.app").build_app
    app = build(Settings(intake=IntakeSettings(secret_key=SecretStr("no secret: nothing is signed here")))).app
    document: JsonObject = app.openapi_schema.to_schema()
    return document


def text_of(document: JsonObject) -> str:
    """The document as it stands in its file."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def write(folder: Path = FOLDER) -> list[str]:
    """Write the documents of the interfaces that differ from the code, and return their names."""
    documents = {"asyncapi.json": asyncapi.document(), "openapi.json": openapi()}
    return [name for name, document in documents.items() if _write(folder / name, text_of(document))]


def differences(folder: Path = FOLDER) -> list[str]:
    """What in `folder` differs from the code: documents to write anew, and each place of a released schema."""
    documents = {"asyncapi.json": asyncapi.document(), "openapi.json": openapi()}
    stale = [name for name, document in documents.items() if not _says(folder / name, text_of(document))]
    return [*stale, *_faults(folder), *_http_faults(folder, openapi())]


def release(folder: Path = FOLDER) -> list[str]:
    """Freeze each version of an event, and of OpenAPI, that is not released yet, and return the new files.

    Raises NotReleasable, before anything is written, where a released version has changed or a new minor version breaks readers.
    """
    document = openapi()
    if faults := [*_faults(folder), *_http_faults(folder, document)]:
        raise NotReleasable("\n".join(faults))
    new = {folder / _RELEASED / _file_name(model): text_of(schema_of(model)) for model in schemas.CATALOGUE.values()}
    new[folder / _RELEASED / _HTTP / f"openapi-{_minor(document)}.json"] = text_of(document)
    return [path.name for path, text in new.items() if not path.exists() and _write(path, text)]


def _file_name(model: type[Event | AgencyAction]) -> str:
    return f"{model.event_name()}-{model.version}.json"


def _faults(folder: Path) -> Iterator[str]:
    released: dict[str, dict[int, Path]] = {}
    for path in sorted((folder / _RELEASED).glob("*.json")):
        name, _, version = path.stem.partition("-")
        major, _, number = version.partition(".")
        released.setdefault(f"pakn.{name}.v{major}", {})[int(number)] = path
    yield from (f"{type} is released, and the catalogue has it no more" for type in sorted(released.keys() - schemas.CATALOGUE))
    for type, model in schemas.CATALOGUE.items():
        title, minor, minors = f"{model.event_name()} {model.version}", int(model.version.partition(".")[2]), released.get(type, {})
        newest = max(minors, default=-1)
        if minor not in (newest, newest + 1):
            yield f"{title}: the newest that is released is {model.major()}.{newest}" if minors else f"{title}: no .0 is released"
        elif minor == newest:
            found = compatibility.changed(json.loads(minors[newest].read_text()), schema_of(model))
            yield from (
                f'{title} is released with other rules; set version = "{model.major()}.{newest + 1}" in its class: {place}'
                for place in found
            )
        elif minors:
            found = compatibility.incompatible(json.loads(minors[newest].read_text()), schema_of(model), model.written_by)
            yield from (
                f"the change of {title} breaks others; write it as {model.event_name()}V{int(model.major()) + 1}: {place}"
                for place in found
            )


def _minor(document: JsonObject) -> str:
    """Major and minor version of an OpenAPI document, `1.0`."""
    return ".".join(str(document["info"]["version"]).split(".")[:2])


def _http_faults(folder: Path, document: JsonObject) -> Iterator[str]:
    version = _minor(document)
    major, _, minor = version.partition(".")
    released = {int(path.stem.rpartition(".")[2]): path for path in (folder / _RELEASED / _HTTP).glob(f"openapi-{major}.*.json")}
    if not released:
        return
    newest = max(released)
    before = json.loads(released[newest].read_text())
    if int(minor) not in (newest, newest + 1):
        yield f"OpenAPI {version}: the newest that is released is {major}.{newest}"
    elif int(minor) == newest and http_compatibility.changed(before, document):
        yield f"OpenAPI {version} is released with other rules: raise its version in services/intake/doors/openapi.py"
    yield from (f"OpenAPI {version} breaks programs: {fault}" for fault in http_compatibility.incompatible(before, document))


def _says(path: Path, text: str) -> bool:
    return path.exists() and path.read_text() == text


def _write(path: Path, text: str) -> bool:
    if _says(path, text):
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return True
