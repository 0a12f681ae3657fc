"""The commands `pakn schemas ...`: write the contracts, compare them with the code, freeze a release."""

from typing import NoReturn

import typer

from pakn.contracts import files
from pakn.contracts.asyncapi import NoExample

cli = typer.Typer(
    no_args_is_help=True, add_completion=False, help="The contracts: write and compare their files, freeze released schemas."
)


def stop(message: str) -> NoReturn:
    """Say why the contracts cannot stay as they are, and exit with 1."""
    typer.echo(message, err=True)
    raise typer.Exit(1)


@cli.command()
def write() -> None:
    """Write the documents that differ from the code; a released schema is never changed."""
    try:
        typer.echo("\n".join(files.write()) or "Everything agrees with the code.")
    except NoExample as error:
        stop(str(error))


@cli.command()
def check() -> None:
    """Exit with 1 and name what differs from the code, and what of it a released schema forbids."""
    try:
        found = files.differences()
    except NoExample as error:
        stop(str(error))
    if found:
        stop(
            "These differ from the code. `pakn schemas write` mends a document, and nothing but a new version a contract:\n"
            + "\n".join(found)
        )
    typer.echo("Everything agrees with the code.")


@cli.command()
def release() -> None:
    """Freeze the schema of each event's version that is not released yet; exit with 1 where one must not be."""
    try:
        if found := files.differences():
            stop("Nothing was released. These differ from the code:\n" + "\n".join(found))
        typer.echo("\n".join(files.release()) or "Every version is released already.")
    except (files.NotReleasable, NoExample) as error:
        stop(f"Nothing was released:\n{error}")
