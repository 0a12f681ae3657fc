"""The events of the contract's examples, changed as a test needs them."""

import json
from pathlib import Path
from typing import Any, Final

import schemas

FOLDER: Final = Path(schemas.__file__).parent / "examples"


def example(name: str, **changes: Any) -> Any:
    """The event `name` as its example has it, checked again with `changes` of its fields."""
    data = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return schemas.CATALOGUE[f"pakn.{name}.v1"].model_validate(data | changes)
