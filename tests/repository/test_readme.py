"""What README.md names is there: links, functions, commands, settings, events, alerts.

Its Python is run by `tests/integration/test_readme_examples.py`.
"""

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

import schemas
from pakn.__main__ import LazyCommand, cli
from tests.repository.test_settings_are_documented import documented

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "README.md").read_text()
LINKS = re.findall(r"\[([^\]]+)\]\(([^)]+)\)", TEXT)
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
# Commands are read in code only: prose says "make" too.
CODE = "\n".join(
    [*(block for _, block in BLOCKS), *re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", TEXT, flags=re.M | re.S))]
)


def defined(file: Path) -> set[str]:
    """The functions, classes and `Class.method`s of a Python file."""
    found: set[str] = set()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            methods = [part for part in node.body if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef)]
            found |= {f"{node.name}.{method.name}" for method in methods}
    return found


def test_every_link_leads_to_a_file_of_the_project() -> None:
    assert [target for _, target in LINKS if not (ROOT / target).exists()] == []


def test_every_function_that_a_link_names_is_in_the_file_that_it_links_to() -> None:
    """Whoever follows one feedback through the code must find each step where the README says."""
    steps = [(name.strip("`"), target) for name, target in LINKS if target.endswith(".py") and re.fullmatch(r"`[\w.]+`", name)]
    named = [(name, target) for name, target in steps if not name.endswith(".py")]
    assert len(named) > 20
    assert [(name, target) for name, target in named if name not in defined(ROOT / target)] == []


def test_every_target_of_make_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)", CODE))
    assert named >= {"demo", "test"}
    assert named <= targets


def test_every_command_and_option_of_pakn_that_is_named_exists() -> None:
    root: Any = typer.main.get_command(cli)
    for line in re.findall(r"\bpakn ((?:[a-z]+|--).*)", CODE):
        words, command = line.partition("#")[0].split(), root
        while words and words[0] in getattr(command, "commands", {}):
            command = command.commands[words.pop(0)]
            command = command.load() if isinstance(command, LazyCommand) else command
        assert command is not root, f"`pakn {line}` is no command"
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known, f"`pakn {line}` has an unknown option"


def test_every_setting_that_is_named_exists() -> None:
    assert set(re.findall(r"\bPAKN_[A-Z0-9_]*[A-Z0-9]", TEXT)) <= set(documented())


def test_every_event_that_is_named_is_in_the_catalogue() -> None:
    events = r"(?:Feedback|Deadline|More|Reply|Notification|Contact|Action|Agency|Portal|Submission)[A-Z]\w+"
    named = set(re.findall(rf"`({events})`", TEXT)) | set(re.findall(r'"pakn\.(\w+)\.v1"', TEXT))
    assert len(named) > 15
    assert named <= set(schemas.CATALOGUE)


def test_the_table_of_alerts_has_every_alert_and_no_other() -> None:
    """An alert that wakes somebody at night and is not in the table has no first thing to do."""
    rules = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())
    alerts = {rule["alert"] for group in rules["groups"] for rule in group["rules"] if "alert" in rule}
    assert set(re.findall(r"`(Pakn\w+)`", TEXT)) == alerts


@pytest.mark.parametrize("word", ["docker-compose.yml", "deploy/prometheus/alerts.yml", "packs/vn/rules.yaml", ".env.example"])
def test_files_that_an_operator_edits_are_there(word: str) -> None:
    assert (ROOT / word).is_file()
