"""What README.md and the pages in docs and packs name is there: links, functions, commands, settings, events, alerts, programs.

The programs themselves are run by `tests/integration/test_examples.py`.
"""

import ast
import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

import schemas
from pakn.__main__ import LazyCommand, cli
from pakn.packs import letters, models
from tests.repository.test_settings_are_documented import documented

ROOT = Path(__file__).resolve().parents[2]
PAGES = {page: page.read_text() for pattern in ("*.md", "docs/**/*.md", "packs/*/*.md") for page in sorted(ROOT.glob(pattern))}
TEXT = "\n".join(PAGES.values())
BLOCKS = re.findall(r"^ *```(\w*)\n(.*?)^ *```", TEXT, re.MULTILINE | re.DOTALL)
# Commands are read in code only: prose says "make" too.
CODE = "\n".join(
    [*(block for _, block in BLOCKS), *re.findall(r"`([^`\n]+)`", re.sub(r"^ *```.*?^ *```", "", TEXT, flags=re.M | re.S))]
)


def links() -> Iterator[tuple[Path, str, str, str]]:
    """Each link inside the project: its page, its words, the path that it names, and the heading behind `#`."""
    for page, text in PAGES.items():
        for words, target in re.findall(r"\[([^\]]+)\]\(([^)]+)\)", text):
            path, _, heading = target.partition("#")
            if "://" not in target:
                yield page, words, path, heading


def headings(page: Path) -> set[str]:
    """The anchors of a page, as GitHub makes them."""
    return {
        re.sub(r"[^\w -]", "", line.lower()).strip().replace(" ", "-")
        for line in re.findall(r"^#+ (.+)$", PAGES[page], re.MULTILINE)
    }


def defined(file: Path) -> set[str]:
    """The functions, classes, `Class.method`s and constants of a Python file."""
    found: set[str] = set()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            methods = [part for part in node.body if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef)]
            found |= {f"{node.name}.{method.name}" for method in methods}
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return found


def test_the_readme_is_read_in_five_minutes() -> None:
    assert len(PAGES[ROOT / "README.md"].splitlines()) <= 150


def test_every_page_is_linked_from_another() -> None:
    """A page that no page links to is found by nobody. `ls docs/decisions` is the list of decisions."""
    linked = {(page.parent / path).resolve() for page, _, path, _ in links() if path}
    decisions = ROOT / "docs/decisions"
    assert [page for page in PAGES if page not in linked and page.parent not in (ROOT, decisions)] == []
    assert decisions in linked


def test_every_link_leads_to_a_file_or_a_heading_of_the_project() -> None:
    def leads_nowhere(page: Path, path: str, heading: str) -> bool:
        target = (page.parent / path).resolve() if path else page
        return not target.exists() or (heading != "" and heading not in headings(target))

    assert [(page.name, path, heading) for page, _, path, heading in links() if leads_nowhere(page, path, heading)] == []


def test_every_function_that_a_link_names_is_in_the_file_that_it_links_to() -> None:
    """Whoever follows one feedback through the code must find each step where the page says."""
    steps = [(words.strip("`"), (page.parent / path).resolve()) for page, words, path, _ in links() if path.endswith(".py")]
    named = [(name, file) for name, file in steps if re.fullmatch(r"[\w.]+", name) and not name.endswith(".py")]
    assert len(named) > 40
    assert [(name, file.name) for name, file in named if name not in defined(file)] == []


def test_every_program_that_a_page_shows_is_the_file_that_it_names() -> None:
    """A program that is copied out of a page must be the one that the tests run."""
    shown = [
        (page.parent / path, code)
        for page, text in PAGES.items()
        for path, code in re.findall(r"^<!-- file: (\S+) -->\n```\w+\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    ]
    assert len(shown) == sum(language in ("python", "js", "java") for language, _ in BLOCKS) > 2
    assert [file.name for file, code in shown if code not in file.read_text()] == []
    assert set(re.findall(r"docs/examples/\w+\.\w+", CODE)) == {f"docs/examples/{f.name}" for f in ROOT.glob("docs/examples/*.*")}


def test_every_target_of_make_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)", CODE))
    assert {"demo", "test"} <= named <= targets


def test_every_command_and_option_of_pakn_that_is_named_exists() -> None:
    root: Any = typer.main.get_command(cli)
    for line in re.findall(r"\bpakn ((?:[a-z]+|--).*)", CODE):
        words, command = line.partition("#")[0].split(), root
        while words and words[0] in getattr(command, "commands", {}):
            command = command.commands[words.pop(0)]
            command = command.load() if isinstance(command, LazyCommand) else command
        assert command is not root or words[0].startswith("--"), f"`pakn {line}` is no command"
        known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
        assert {word for word in words if word.startswith("--")} <= known, f"`pakn {line}` has an unknown option"


def test_every_setting_that_is_named_exists() -> None:
    assert set(re.findall(r"\bPAKN_[A-Z0-9_]*[A-Z0-9]", TEXT)) <= set(documented())


def test_every_event_that_is_named_is_in_the_catalogue() -> None:
    events = r"(?:Feedback|Deadline|More|Reply|Notification|Contact|Action|Agency|Portal|Submission|Overdue)[A-Z]\w+"
    named = set(re.findall(rf"`({events})`", TEXT)) | set(re.findall(r'"pakn\.(\w+)\.v1"', TEXT))
    assert len(named) > 15
    assert named <= {model.__name__ for model in schemas.CATALOGUE.values()}


def test_the_table_of_alerts_has_every_alert_and_no_other() -> None:
    """An alert that wakes somebody at night and is not in the table has no first thing to do."""
    rules = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())
    alerts = {rule["alert"] for group in rules["groups"] for rule in group["rules"] if "alert" in rule}
    table = [line.split("|")[1] for line in PAGES[ROOT / "docs/operating.md"].splitlines() if line.startswith("| `Pakn")]
    assert set(re.findall(r"`(Pakn\w+)`", "".join(table))) == alerts
    assert set(re.findall(r"`(Pakn\w+)`", TEXT)) == alerts


def test_every_guarantee_says_what_comes_in_what_is_bounded_what_its_sender_gets_and_which_test_shows_it() -> None:
    sections = PAGES[ROOT / "docs/guarantees.md"].split("\n## ")[1:]
    assert len(sections) >= 7
    for section in sections:
        rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("|")]
        assert rows[0] == ["what comes in", "what PAKN does, and the bound", "what the sender gets", "test"]
        assert [row for row in rows[2:] if len(row) != 4 or not re.search(r"\[`test_\w+\.py`\]\(\.\./tests/", row[-1])] == []


@pytest.mark.parametrize("decision", sorted(ROOT.glob("docs/decisions/*")), ids=lambda file: str(file.name))
def test_a_decision_has_a_number_a_context_and_consequences(decision: Path) -> None:
    assert re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", decision.name)
    assert re.findall(r"^## (.+)$", decision.read_text(), re.MULTILINE) == ["Context", "Decision", "Consequences"]


def test_the_page_for_lawyers_explains_every_field_in_both_languages() -> None:
    """A field that only the code explains is a field that a lawyer cannot use."""
    parts = (models.RuleSet, models.Effective, models.Verification, models.Rule, models.Limit, models.Progress, models.Calendar)
    days = (models.Year, models.DayOff, models.WorkingDay, models.Comparison, models.KnownDifference)
    rows = (models.Agency, models.Category, models.RoutingRule, models.When, models.Assign, letters.Letter, letters.Letters)
    fields = {field.alias or name for part in (*parts, *days, *rows) for name, field in part.model_fields.items()} - {"subdivision"}
    values = {value for words in (models.Moment, models.RuleName, models.Unit) for value in typing.get_args(words)}
    for half in PAGES[ROOT / "packs/vn/README.md"].split("\n## English\n"):
        assert fields | values <= set(re.findall(r"`(?:\w+\.)?(\w+)(?:: \w+)?`", half))
