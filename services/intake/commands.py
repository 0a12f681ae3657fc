"""The command that erases a sender."""

from typing import Annotated

import typer

from pakn import links
from pakn.engine import mongo
from pakn.engine.command_line import run_on_database, settings_or_stop, stop
from pakn.legal_time import machine_now
from pakn.settings import Settings
from schemas import topics
from services.intake.file_store import FileStore
from services.intake.publications import Publications
from services.intake.published import Shows
from services.intake.store import IntakeStore


def erase(
    code: str,
    matter: Annotated[bool, typer.Option("--matter", help="and what the sender wrote, with the files")] = False,
) -> None:
    """Erase name, address, phone and email of a feedback's sender for good; the matter only with --matter."""
    if not run_on_database(erase_sender(settings_or_stop(), links.read_code(code), matter=matter)):
        stop(f"No feedback has the code {code!r}.")
    also = " and what was sent, with its files," if matter else ""
    typer.echo(f"The sender's details{also} of {code} are erased at intake. A running intake erases them everywhere else.")


async def erase_sender(settings: Settings, code: str, *, matter: bool = False) -> bool:
    """Erase a sender's details at intake, and with `matter` what he wrote and its files.

    Intake then writes the tombstones, by which notify and routing erase what they keep. False when no feedback has this code.
    May be repeated; after a failure it must be. Raises PyMongoError.
    """
    async with mongo.opened(settings, "intake") as database:
        store = IntakeStore(database)
        feedback = await store.by_code(code)
        if feedback is None:
            return False
        if matter:
            # Before their ids are gone. What is taken in at this moment is swept, since no feedback has it.
            await FileStore(database, machine_now).discard(file.id for file in feedback.attachments)
        await store.erase(feedback.id, (topics.CONTACTS, topics.MATTERS) if matter else (topics.CONTACTS,), machine_now())
        # The published reply is found by its own words again.
        await Publications(database, store, Shows()).refresh([feedback.id] if matter else [])
    return True
