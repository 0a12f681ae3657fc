"""A file of code fits on three screens."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CODE = [file for folder in ("pakn", "services", "schemas", "tests", "docs") for file in (ROOT / folder).rglob("*.py")]


def test_no_file_of_code_is_longer_than_three_hundred_lines() -> None:
    """A file that has grown past it holds two things, and the second is found by nobody."""
    assert len(CODE) > 100
    lengths = {file.relative_to(ROOT).as_posix(): len(file.read_text(encoding="utf-8").splitlines()) for file in CODE}
    assert {name: length for name, length in lengths.items() if length > 300} == {}
