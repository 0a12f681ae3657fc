"""The commands `pakn schemas ...`: write the contracts, compare them with the code, freeze a release."""

import typer

from pakn.contracts import files

cli = typer.Typer(
    no_args_is_help=True, add_completion=False, help="The contracts: write and compare their files, freeze released schemas."
)


@cli.command()
def write() -> None:
    """Write the documents that differ from the code; a released schema is never changed."""
    typer.echo("\n".join(files.write()) or "Everything agrees with the code.")


@cli.command()
def check() -> None:
    """Exit with 1 and name what differs from the code, and what of it a released schema forbids."""
    if found := files.differences():
        typer.echo("These differ from the code; `pakn schemas write` mends documents:\n" + "\n".join(found), err=True)
        raise typer.Exit(1)


@cli.command()
def release() -> None:
    """Freeze the schema of each event's version that is not released yet; exit with 1 where one must not be."""
    try:
        typer.echo("\n".join(files.release()) or "Every version is released already.")
    except files.NotReleasable as error:
        typer.echo(f"Nothing was released:\n{error}", err=True)
        raise typer.Exit(1) from None
