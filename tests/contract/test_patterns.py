"""Every pattern in the contracts is a regular expression of ECMA-262 under `u`, as JSON Schema's validators read them."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from pakn.contracts import files

NODE = shutil.which("node")
# Under `u` a backslash may stand before these only: a quote or a letter without a meaning is a syntax error.
_ESCAPE = re.compile(r"\\(?:[dDsSwWbBfnrtv0^$\\.*+?()\[\]{}|/-]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|[pP]\{[A-Za-z_=]+\})")


def patterns(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(found := part.get("pattern"), str):
            yield found
        for value in part.values():
            yield from patterns(value)
    elif isinstance(part, list):
        for value in part:
            yield from patterns(value)


PATTERNS = sorted({found for path in files.FOLDER.rglob("*.json") for found in patterns(json.loads(path.read_text()))})


def test_a_pattern_has_no_escape_that_other_validators_refuse() -> None:
    """An escaped quote in the pattern of addresses once kept ajv from reading any schema of submissions."""
    assert len(PATTERNS) >= 5
    for pattern in PATTERNS:
        assert "\\" not in _ESCAPE.sub("", pattern), pattern
        assert re.compile(pattern)


@pytest.mark.skipif(NODE is None, reason="no node on this machine: the escapes are compared with the standard's list only")
def test_a_javascript_engine_takes_every_pattern() -> None:
    assert NODE
    program = "for (const p of JSON.parse(require('fs').readFileSync(0, 'utf8'))) new RegExp(p, 'u')"
    subprocess.run([NODE, "-e", program], input=json.dumps(PATTERNS), text=True, check=True)
