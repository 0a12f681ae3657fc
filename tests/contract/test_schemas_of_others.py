"""The JSON Schemas, as validators of others read them: ajv in its strict mode, and Hyperjump's, which is no kin of it."""

import json
from pathlib import Path
from typing import Any

from pakn.contracts import files
from tests.support import validators
from tests.support.node_packages import NodePackages

EXAMPLES = {name: json.loads((files.FOLDER / "examples" / f"{name}.json").read_text()) for name in validators.SCHEMAS}
WRONG: list[tuple[str, Any]] = [
    ("PortalSubmission", EXAMPLES["PortalSubmission"] | {"titel": "Đèn hỏng"}),
    ("PortalSubmission", EXAMPLES["PortalSubmission"] | {"submitter_type": "robot"}),
    ("PortalSubmission", EXAMPLES["PortalSubmission"] | {"sent_at": "yesterday"}),
    ("PortalSubmission", EXAMPLES["PortalSubmission"] | {"title": "two\nlines"}),
    ("PortalSubmission", EXAMPLES["PortalSubmission"] | {"sender": {"email": "no address"}}),
    ("AgencyAction", EXAMPLES["AgencyAction"] | {"action": "forget"}),
    ("AgencyAction", EXAMPLES["AgencyAction"] | {"documentNumber": "12/UBND"}),
    ("AgencyAction", EXAMPLES["AgencyAction"] | {"actor": "Nguyễn Văn Mẫu"}),
    ("AgencyAction", {name: value for name, value in EXAMPLES["AgencyAction"].items() if name != "reason"}),
]


def test_validators_of_others_compile_every_schema_take_what_is_right_and_refuse_what_is_wrong(
    node_packages: NodePackages, tmp_path: Path
) -> None:
    """A pattern that is none in JavaScript and OpenAPI's `discriminator` once kept ajv from compiling two schemas."""
    # What nobody could be without is missing: every event has a field that is required.
    empty: list[tuple[str, Any]] = [(name, {}) for name in EXAMPLES]
    values = [*EXAMPLES.items(), *WRONG, *empty]
    right = [True] * len(EXAMPLES) + [False] * (len(WRONG) + len(empty))
    for verdict in validators.ask(node_packages, tmp_path, values).values():
        assert verdict.broken == {}
        assert [values[at] for at, (is_valid, be) in enumerate(zip(verdict.valid, right, strict=True)) if is_valid != be] == []
