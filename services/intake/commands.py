"""The commands about senders: who has looked at their data, and erasing them."""

import json
import sys
from collections.abc import Sequence
from typing import Annotated, Any, Final

import typer

from pakn import links
from pakn.engine import mongo
from pakn.engine.command_line import run_on_database, settings_or_stop, stop
from pakn.legal_time import make_legal_time
from pakn.packs.load import PackError, load_pack
from pakn.settings import Settings
from services.intake import erasure
from services.intake.looks import Looks
from services.intake.store import IntakeStore

_MOST_LOOKS: Final = 10_000
_WHAT_GOES: Final = """\
Erased: name, address, phone and email, at intake and at notify, and in Kafka's contacts.
Stays: the code and its dates; the published reply and what officers wrote, as acts of an authority; what the agency and the
  portal have, in their topics for 90 days and in their own registers; dead letters for 180 days; your back-ups, until you end them.
"""
_AND_THE_MATTER: Final = "Erased too: title, text, place, answers and files, at intake and at routing, and in Kafka's matters."
_NOT_THE_MATTER: Final = "Stays too: title, text, place, answers and files; --matter erases them."


def looks(
    code: str,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object a line")] = False,
) -> None:
    """Say who has looked at the personal data of a feedback's sender, the latest first, and what of it was erased."""
    found = run_on_database(list_looks(settings_or_stop(), links.read_code(code)))
    if found is None:
        stop(f"No feedback has the code {code!r}.")
    for row in found:
        typer.echo(json.dumps(row) if as_json else "  ".join(f"{name}={value}" for name, value in row.items()))
    if not found and not as_json:
        typer.echo(f"Nobody has looked at the sender's data of {code}.")


def erase(
    code: Annotated[str, typer.Argument(metavar="[CODE]")] = "",
    sender: Annotated[
        str, typer.Option(help="every feedback of this email address or phone number; - reads it from standard input")
    ] = "",
    matter: Annotated[bool, typer.Option("--matter", help="and what the sender wrote, with the files")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
) -> None:
    """Erase name, address, phone and email of a feedback's sender for good; the matter only with --matter."""
    if bool(code) == bool(sender):
        stop("Give the code of a feedback, or --sender with an email address or a phone number.")
    settings = settings_or_stop()
    contact = sys.stdin.readline().strip() if sender == "-" else sender
    try:
        rows = run_on_database(find_erasable(settings, links.read_code(code) if code else "", contact))
    except ValueError as error:
        stop(f"--sender: {error}")
    except PackError as error:
        stop(str(error))
    if not rows:
        stop(f"No feedback has the code {code!r}." if code else "No feedback has this sender.")
    for row in rows:
        there = [*(["details"] if row.has_details else []), *(["text"] if row.has_matter else []), f"{row.files} files"]
        typer.echo(f"{row.code}  {row.state}  {', '.join(there)}")
    typer.echo(_WHAT_GOES + (_AND_THE_MATTER if matter else _NOT_THE_MATTER))
    if not yes and not typer.confirm("It cannot be undone. Erase?"):
        stop("Nothing was erased.")
    for proof in run_on_database(erase_found(settings, rows, matter=matter)):
        typer.echo(f"{proof.code}  erased: {', '.join(proof.erased)}  proof {proof.hash}")
    typer.echo("A running intake erases it everywhere else.")


async def list_looks(settings: Settings, code: str) -> list[dict[str, Any]] | None:
    """The looks at a feedback and the proofs of its erasures, as JSON; none when no feedback has this code. Raises PyMongoError."""
    async with mongo.opened(settings, "intake") as database:
        recorded, erasure = _wired(settings, database)
        feedback = await IntakeStore(database).by_code(code)
        if feedback is None:
            return None
        found, _ = await recorded.of(feedback.id, _MOST_LOOKS)
        rows = [row.model_dump(mode="json", exclude_none=True) for row in found]
        proofs = await erasure.proofs(feedback.id)
        return rows + [
            {"at": row["at"].isoformat(), "erased": ",".join(row["erased"]), "files": row["files"], "by": row["by"]}
            | {"proof": row["_id"]}
            for row in proofs
        ]


async def find_erasable(settings: Settings, code: str, contact: str) -> list[erasure.Candidate]:
    """The feedbacks of a code, or of a sender by an address of his. Raises PyMongoError, ValueError, PackError."""
    region = None if code else load_pack(settings.pack).letters.phone_region
    async with mongo.opened(settings, "intake") as database:
        _, erasing = _wired(settings, database)
        return await erasing.by_code(code) if code else await erasing.by_sender(contact, region)


async def erase_found(settings: Settings, rows: Sequence[erasure.Candidate], *, matter: bool) -> list[erasure.Proof]:
    """Erase the senders' details of feedbacks at intake, and with `matter` what was written and its files; the proofs of it.

    May be repeated; after a failure it must be. Raises PyMongoError.
    """
    async with mongo.opened(settings, "intake") as database:
        _, erasing = _wired(settings, database)
        return [await erasing.erase(row, "command", matter=matter) for row in rows]


async def erase_sender(settings: Settings, code: str, *, matter: bool = False) -> bool:
    """Erase a sender's details of one feedback, as `erase_found`. False when no feedback has this code. Raises PyMongoError."""
    return bool(await erase_found(settings, await find_erasable(settings, code, ""), matter=matter))


def _wired(settings: Settings, database: mongo.Database) -> tuple[Looks, erasure.Erasure]:
    time = make_legal_time(settings.legal_time.file)
    recorded = Looks(database, time, settings.intake.looks_days)
    return recorded, erasure.Erasure(database, recorded, time)
