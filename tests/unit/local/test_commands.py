"""The command `pakn`: its help imports no subcommand, and says of each what the subcommand says of itself."""

import subprocess
import sys
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from pakn.__main__ import cli

ROOT: Any = typer.main.get_command(cli)


@pytest.mark.parametrize("name", sorted(ROOT.commands))
def test_the_help_of_a_subcommand_begins_as_the_list_says(name: str) -> None:
    """The list is written apart from the subcommands, so that it can be shown without importing them."""
    listed = ROOT.commands[name]
    said = listed.load().help.split("\n")[0]
    assert said.rstrip(".").startswith(listed.help.rstrip(".")), said


def test_the_list_of_subcommands_imports_no_library_that_only_one_of_them_needs() -> None:
    """`pakn --help` took two seconds, most of them for Kafka's and the database's clients."""
    program = (
        "import sys; from pakn.__main__ import cli\n"
        "try: cli(['--help'])\n"
        "except SystemExit: print(sorted({'aiokafka', 'pymongo', 'litestar', 'faststream', 'pydantic'} & sys.modules.keys()))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert result.stdout.splitlines()[-1] == "[]"


def test_a_service_that_does_not_exist_is_named_with_those_that_do() -> None:
    result = CliRunner().invoke(cli, ["run", "nobody"])
    assert result.exit_code == 2
    assert "'nobody'" in result.output
    assert "intake, routing, deadlines, notify" in result.output


@pytest.mark.parametrize(("service", "role", "said"), [("intake", "page", "web or worker"), ("routing", "web", "--role worker")])
def test_a_role_that_a_service_does_not_have_is_refused_at_the_start(service: str, role: str, said: str) -> None:
    """A process that runs nothing would look alive."""
    result = CliRunner().invoke(cli, ["run", service, "--role", role])
    assert result.exit_code == 2
    assert said in result.output
