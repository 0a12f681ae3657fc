"""JSON Schema's validators of others over the schemas of the catalogue: ajv in its strict mode, and Hyperjump's."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import schemas
from pakn.contracts import files
from tests.support.node_packages import MANIFEST, NodePackages

SCHEMAS = {model.__name__: files.schema_of(model) for model in schemas.CATALOGUE.values()}
_IDS = {schema["$id"] for schema in SCHEMAS.values()}
# Minor versions that are no longer written stay released.
_RELEASED = {path.stem: json.loads(path.read_text()) for path in sorted((files.FOLDER / "released").glob("*.json"))}
_EARLIER = {name: schema for name, schema in _RELEASED.items() if schema["$id"] not in _IDS}


class Verdict(NamedTuple):
    """Why schemas do not compile, by their names, and of each value whether it is valid."""

    broken: dict[str, str]
    valid: list[bool]


def ask(packages: NodePackages, workspace: Path, values: list[tuple[str, Any]]) -> dict[str, Verdict]:
    """What each validator says of these values, each with the name of its event; all at once, since Node starts slowly."""
    asked = workspace / "asked.json"
    asked.write_text(json.dumps({"schemas": SCHEMAS | _EARLIER, "values": values}))
    answers = json.loads(packages.run(MANIFEST / "validate.mjs", workspace, asked))
    return {name: Verdict(**answer) for name, answer in answers.items()}
