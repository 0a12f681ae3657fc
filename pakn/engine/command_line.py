"""How every command of `pakn` reads the settings and stops: with every fault on its own line, on standard error."""

import asyncio
import re
from collections.abc import Coroutine
from typing import Any, NoReturn, TypeVar

import typer
from pymongo.errors import OperationFailure, PyMongoError

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
    """The result of `work`; ends the process if the database does not answer, or refuses what is asked."""
    try:
        return asyncio.run(work)
    except PyMongoError as error:
        # The driver's text goes on with its timeouts, the state of every server, or the answer again, which help nobody here.
        does = "refuses" if isinstance(error, OperationFailure) else "does not answer"
        stop(f"The database at PAKN_MONGO__URI {does}: {re.split(r' .configured|, full error', str(error))[0]}")
