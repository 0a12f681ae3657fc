"""Runs the whole system on one machine."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from pakn.engine.command_line import settings_or_stop, stop
from pakn.local import stack
from pakn.local.child_process import CannotStart
from pakn.packs.load import PackError, load_pack


def up(folder: Annotated[Path, typer.Option(help="where servers started here keep their data")] = Path(".pakn")) -> None:
    """Run the four services in the foreground, with Kafka and MongoDB where no address is set. Ctrl-C ends all."""
    settings = settings_or_stop()
    try:
        # Its faults are told before servers are started for it.
        load_pack(settings.pack)
        asyncio.run(stack.run_until_signal(folder, settings))
    except (CannotStart, PackError, OSError) as error:
        stop(str(error))
