"""Plays the demo."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from pakn.demo import play
from pakn.engine.command_line import stop
from pakn.local.child_process import CannotStart
from pakn.packs.load import PackError


def demo(
    pack: Annotated[
        list[str] | None, typer.Option(help="a pack; may be given several times; all that bring a sample by default")
    ] = None,
    requests: Annotated[Path | None, typer.Option(help="a file of requests; the pack's own sample by default")] = None,
    limit: Annotated[int, typer.Option(min=1, help="how many requests of the file")] = 2000,
    report: Annotated[Path | None, typer.Option(help="write the report there as JSON")] = None,
    days: Annotated[int, typer.Option(min=1, max=400, help="legal days to play after the last request")] = 42,
    keep: Annotated[bool, typer.Option("--keep", help="leave everything running until Ctrl-C")] = False,
    folder: Annotated[Path, typer.Option(help="where servers, logs and letters of the demo are kept")] = Path(".pakn/demo"),
) -> None:
    """Play weeks of requests through the four services and count what came of them."""
    if report and not report.absolute().parent.is_dir():
        stop(f"{report}: there is no such folder; make it first.")
    try:
        code = asyncio.run(
            play.play(
                packs=pack or [], requests=requests, limit=limit, report=report, days=days, keep=keep, folder=folder.absolute()
            )
        )
    except (CannotStart, PackError, ValueError, OSError) as error:
        stop(str(error))
    raise typer.Exit(code)
