"""The commands about letters: list those that need a person's decision, and settle one after a look into the mailbox.

A letter is uncertain if the process or the connection was lost while it was handed over. Look for its Message-ID in the
mailbox to see whether it arrived.
"""

import json
from typing import Annotated, Literal

import typer

from pakn.engine import mongo
from pakn.engine.command_line import run_on_database, settings_or_stop, stop
from pakn.legal_time import LegalTime, make_legal_time
from pakn.settings import Settings
from services.notify.domain import Settlement
from services.notify.letters.compose import message_id
from services.notify.store import NotifyStore

Verdict = Literal["sent", "resend"]
cli = typer.Typer(no_args_is_help=True, add_completion=False, help="Letters that need a person: list them, settle one.")


@cli.command("list")
def _list(
    state: Annotated[Literal["uncertain", "failed"], typer.Option()] = "uncertain",
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object a line")] = False,
) -> None:
    """List letters of which nobody knows whether they arrived, with the Message-ID to look for."""
    rows = run_on_database(list_letters(settings_or_stop(), state))
    for row in rows:
        typer.echo(json.dumps(row) if as_json else "  ".join(row.values()))
    if not rows and not as_json:
        typer.echo(f"No letter is {state}.")


@cli.command("settle")
def _settle(letter_id: str, verdict: Annotated[Verdict, typer.Argument()]) -> None:
    """Decide on one letter: it counts as sent, or it is sent again with the same Message-ID."""
    if not run_on_database(settle_letter(settings_or_stop(), letter_id, verdict)):
        stop(f"No uncertain or failed letter has the id {letter_id!r}.")


async def list_letters(settings: Settings, state: Literal["uncertain", "failed"] = "uncertain") -> list[dict[str, str]]:
    """At most a thousand letters in `state`, the longest in it first, without personal data. Raises PyMongoError."""
    async with mongo.opened(settings, "notify") as database:
        rows = await NotifyStore(database).in_state(state, 1000)
    return [
        {"id": row["_id"], "code": row["code"], "moment": row["moment"], "since": row["settled_at"].isoformat()}
        | {"message_id": message_id(row["_id"], settings.smtp.sender), "reason": row["reason"]}
        for row in rows
    ]


async def settle_letter(settings: Settings, letter_id: str, verdict: Verdict, time: LegalTime | None = None) -> bool:
    """Settle an uncertain or failed letter: it counts as sent, or it is sent again with the same Message-ID.

    A running notify announces or sends it at its next tick. False if no uncertain or failed letter has this id.
    """
    time = time or make_legal_time(settings.legal_time.file)
    now, legal = time.machine(), time.now()
    if verdict == "sent":
        settlement = Settlement("sent", "found in the mailbox by an operator", announced=True)
    else:
        settlement = Settlement("queued", "to be sent again, by an operator's decision", next_try_at=now)
    async with mongo.opened(settings, "notify") as database:
        return await NotifyStore(database).overrule(letter_id, settlement, now=now, legal=legal)
