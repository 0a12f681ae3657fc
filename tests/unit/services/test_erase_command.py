"""The commands about senders' data: whom it concerns is shown, and nothing is erased before somebody has said yes."""

from datetime import UTC, datetime
from typing import Any

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from services.intake import commands, erasure

ROW = erasure.Candidate(id="one", code="PAKN.20260302.0001", state="published", has_details=True, has_matter=True, files=2)
PROOF = erasure.Proof(
    code=ROW.code, feedback_id="one", erased=("details",), files=0, by="command", at=datetime(2026, 3, 2, tzinfo=UTC)
)


def run(command: Any, *arguments: str, typed: str = "") -> Result:
    app = typer.Typer()
    app.command()(command)
    return CliRunner().invoke(app, arguments, input=typed)


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """What was searched for and what was erased, in place of a database that has one feedback."""
    seen: list[tuple[str, bool]] = []

    async def find(_: object, code: str, contact: str) -> list[erasure.Candidate]:
        if contact:
            erasure.query_of(contact)
        return [ROW] if code == ROW.code or contact == "0912345678" else []

    async def erase(_: object, rows: list[erasure.Candidate], *, matter: bool) -> list[erasure.Proof]:
        seen.extend((row.code, matter) for row in rows)
        return [PROOF]

    monkeypatch.setattr(commands, "find_erasable", find)
    monkeypatch.setattr(commands, "erase_found", erase)
    return seen


@pytest.mark.parametrize("typed", ["n\n", "\n", ""])
def test_without_a_yes_nothing_is_erased(done: list[tuple[str, bool]], typed: str) -> None:
    """`pakn erase` asked nothing and said nothing of what stays."""
    ran = run(commands.erase, ROW.code, typed=typed)
    assert ran.exit_code != 0
    assert done == []
    assert f"{ROW.code}  published  details, text, 2 files" in ran.output
    assert "the published reply and what officers wrote" in ran.output
    assert "--matter erases them" in ran.output


@pytest.mark.parametrize(
    ("arguments", "typed", "matter"),
    [
        ([ROW.code], "y\n", False),
        ([ROW.code, "--matter", "--yes"], "", True),
        (["--sender", "0912345678", "--yes"], "", False),
        (["--sender", "-", "--yes"], "0912345678\n", False),
    ],
)
def test_with_a_yes_it_is_erased_and_proved(
    done: list[tuple[str, bool]], arguments: list[str], typed: str, *, matter: bool
) -> None:
    ran = run(commands.erase, *arguments, typed=typed)
    assert ran.exit_code == 0, ran.output
    assert done == [(ROW.code, matter)]
    assert f"proof {PROOF.hash}" in ran.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Give the code of a feedback, or --sender"),
        ([ROW.code, "--sender", "0912345678"], "Give the code of a feedback, or --sender"),
        (["PAKN.20260302.0009"], "No feedback has the code"),
        (["--sender", "0900000000"], "No feedback has this sender"),
        (["--sender", "12"], "--sender: neither an address of mail nor a phone number"),
        (["--sender", ""], "Give the code of a feedback, or --sender"),
    ],
)
def test_a_choice_that_is_not_clear_erases_nothing(done: list[tuple[str, bool]], arguments: list[str], said: str) -> None:
    ran = run(commands.erase, *arguments, "--yes")
    assert ran.exit_code == 2
    assert said in ran.output
    assert done == []


def test_the_looks_of_a_case_are_lines_and_a_code_that_nobody_has_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    async def found(_: object, code: str) -> list[dict[str, Any]] | None:
        return {"1": [{"at": "2026-03-02", "what": "details"}], "2": []}.get(code[-1])

    monkeypatch.setattr(commands, "list_looks", found)
    assert run(commands.looks, "PAKN.20260302.0001").output == "at=2026-03-02  what=details\n"
    assert run(commands.looks, "PAKN.20260302.0001", "--json").output == '{"at": "2026-03-02", "what": "details"}\n'
    assert run(commands.looks, "PAKN.20260302.0002").output == "Nobody has looked at the sender's data of PAKN.20260302.0002.\n"
    assert run(commands.looks, "PAKN.20260302.0003").exit_code == 2
