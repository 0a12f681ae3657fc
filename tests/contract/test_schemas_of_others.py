"""The JSON Schemas, as validators of others read them: ajv in its strict mode, and Hyperjump's, which is no kin of it."""

import json
from pathlib import Path
from typing import Any

import pytest

import schemas
from pakn.contracts import files
from tests.support.node_packages import NodePackages

MODELS = {model.__name__: model for model in schemas.CATALOGUE.values()}
SCHEMAS = {name: files.schema_of(model) for name, model in MODELS.items()}
EXAMPLES = {name: json.loads((files.FOLDER / "examples" / f"{name}.json").read_text()) for name in MODELS}
PROGRAM = Path(__file__).resolve().parents[1] / "support" / "node" / "validate.mjs"


@pytest.fixture
def validators(node_packages: NodePackages, tmp_path: Path) -> Any:
    """Asks both validators of many values at once, since each start of Node takes a second."""

    def ask(values: list[tuple[str, Any]]) -> dict[str, Any]:
        asked = tmp_path / "asked.json"
        asked.write_text(json.dumps({"schemas": SCHEMAS, "values": values}))
        answers: dict[str, Any] = json.loads(node_packages.run(PROGRAM, tmp_path, asked))
        return answers

    return ask


def test_validators_of_others_compile_every_schema_and_take_every_example(validators: Any) -> None:
    """A pattern that is none in JavaScript and OpenAPI's `discriminator` once kept ajv from compiling two schemas."""
    for answer in validators([*EXAMPLES.items()]).values():
        assert answer["broken"] == {}
        assert [name for name, valid in zip(EXAMPLES, answer["valid"], strict=True) if not valid] == []
