"""The command that settles letters: which letters are meant must be clear before the database is asked."""

import pytest
import typer
from typer.testing import CliRunner

from services.notify import commands


@pytest.mark.parametrize(
    "arguments", [["resend"], ["--all", "resend"], ["x", "--all", "--state", "failed", "resend"], ["x", "--reason", "r", "sent"]]
)
def test_a_choice_of_letters_that_is_not_clear_settles_none(arguments: list[str]) -> None:
    ran = CliRunner().invoke(commands.cli, ["settle", *arguments])
    assert ran.exit_code == 2
    assert "Give the ids of letters, or --all with --state" in ran.output


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["x", "resend"], (["x"], "resend", False, None)),
        (["x", "y", "z", "sent"], (["x", "y", "z"], "sent", False, None)),
        (["--all", "--state", "failed", "resend"], (None, "resend", True, "failed")),
    ],
)
def test_several_letters_are_named_before_what_becomes_of_them(arguments: list[str], meant: object) -> None:
    command = typer.main.get_command(commands.cli)
    given = command.make_context("letters", ["settle", *arguments])
    name, settle, rest = command.resolve_command(given, ["settle", *arguments])  # type: ignore[attr-defined]
    params = settle.make_context(name, list(rest)).params
    ids = params["letter_ids"]
    assert (list(ids) if ids else None, params["verdict"], params["every"], params["state"]) == meant
