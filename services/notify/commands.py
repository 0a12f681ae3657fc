"""The commands about letters."""

import json
from typing import Annotated, Literal

import typer

from pakn.engine.command_line import run_on_database, settings_or_stop, stop
from services.notify import letters_by_hand

cli = typer.Typer(no_args_is_help=True, add_completion=False, help="Letters that need a person: list them, settle one.")


@cli.command("list")
def list_letters(
    state: Annotated[Literal["uncertain", "failed"], typer.Option()] = "uncertain",
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object a line")] = False,
) -> None:
    """List letters of which nobody knows whether they arrived, with the Message-ID to look for."""
    rows = run_on_database(letters_by_hand.list_letters(settings_or_stop(), state))
    for row in rows:
        values = row._asdict() | {"since": row.since.isoformat()}
        typer.echo(json.dumps(values) if as_json else "  ".join(values.values()))
    if not rows and not as_json:
        typer.echo(f"No letter is {state}.")


@cli.command("settle")
def settle_letter(letter_id: str, verdict: Annotated[Literal["sent", "resend"], typer.Argument()]) -> None:
    """Decide on one letter: it counts as sent, or it is sent again with the same Message-ID."""
    if not run_on_database(letters_by_hand.settle_letter(settings_or_stop(), letter_id, verdict)):
        stop(f"No uncertain or failed letter has the id {letter_id!r}.")
