"""The events of the contract's examples, changed as a test needs them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import schemas

FOLDER: Final = Path(schemas.__file__).parent / "examples"


def example(name: str, **changes: Any) -> Any:
    """The event `name` as its example has it, checked again with `changes` of its fields."""
    data = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return schemas.CATALOGUE[f"pakn.{name}.v1"].model_validate(data | changes)


def clock_change(kind: str, of_case: Mapping[str, Any] | None = None, **changes: Any) -> Any:
    """A `DeadlinesChanged` with one clock, in its list `kind`: that of the limit for the reply, with `changes` of its fields."""
    (clock,) = example("DeadlinesChanged").set
    entry = clock.model_dump(mode="json") | {"rule": "handle_reply", "late": False} | changes
    lists: dict[str, Any] = {name: [] for name in ("met", "cancelled", "set", "not_counted")}
    return example("DeadlinesChanged", **(of_case or {}), **(lists | {kind: [entry]}))
