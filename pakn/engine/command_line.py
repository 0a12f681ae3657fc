"""How every command of `pakn` reads the settings and stops: with every fault on its own line, on standard error."""

import asyncio
from collections.abc import Coroutine
from typing import Any, NoReturn, TypeVar

import typer
from pymongo.errors import PyMongoError

from pakn.settings import Settings, SettingsError, read_settings

ResultT = TypeVar("ResultT")


def settings_or_stop() -> Settings:
    """The settings; ends the process with every fault of them."""
    try:
        return read_settings()
    except SettingsError as error:
        stop(f"These settings cannot be used:\n{error}")


def stop(text: str) -> NoReturn:
    """End the process with exit code 2 and `text`."""
    typer.echo(text, err=True)
    raise typer.Exit(2)


def run_on_database(work: Coroutine[Any, Any, ResultT]) -> ResultT:
    """The result of `work`; ends the process if the database does not answer."""
    try:
        return asyncio.run(work)
    except PyMongoError as error:
        # The driver's text goes on with its timeouts and the state of every server, which help nobody here.
        stop(f"The database at PAKN_MONGO__URI does not answer: {str(error).partition(' (configured')[0]}")
