"""The commands about letters: list those that need a person's decision, and settle them after a look into the mailbox.

A letter is uncertain if the process or the connection was lost while it was handed over. Look for its Message-ID in the
mailbox, or for the id of a text message at the SMS gateway, to see whether it arrived.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal

import typer

from pakn.engine import mongo
from pakn.engine.command_line import run_on_database, settings_or_stop, stop
from pakn.legal_time import LegalTime, make_legal_time
from pakn.settings import Settings
from services.notify import domain
from services.notify.letters.compose import message_id
from services.notify.store import NotifyStore

Verdict = Literal["sent", "resend"]
Pending = Literal["uncertain", "failed"]
cli = typer.Typer(no_args_is_help=True, add_completion=False, help="Letters that need a person: list them, settle them.")


@cli.command("list")
def _list(
    state: Annotated[Pending, typer.Option()] = "uncertain",
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object a line")] = False,
) -> None:
    """List letters of which nobody knows whether they arrived, each with the Message-ID or the gateway's id to look for."""
    rows = run_on_database(list_letters(settings_or_stop(), state))
    for row in rows:
        typer.echo(json.dumps(row) if as_json else "  ".join(row.values()))
    if not rows and not as_json:
        typer.echo(f"There are no letters in the state {state}.")


@cli.command("settle")
def _settle(
    letter_ids: Annotated[list[str] | None, typer.Argument(metavar="[LETTER_ID]...")] = None,
    *,
    verdict: Annotated[Verdict, typer.Argument()],
    every: Annotated[bool, typer.Option("--all", help="every letter in the --state")] = False,
    state: Annotated[Pending | None, typer.Option(help="with --all")] = None,
    reason: Annotated[str, typer.Option(help="with --all: only letters whose reason begins so")] = "",
) -> None:
    """Decide on letters: they count as sent, or they are sent again with the same id. One line for each."""
    if every == bool(letter_ids) or every != bool(state) or (reason and not every):
        stop("Give the ids of letters, or --all with --state failed or --state uncertain.")
    settings = settings_or_stop()
    if state:
        settled, unknown = run_on_database(settle_all(settings, state, verdict, reason=reason, say=typer.echo)), 0
    else:
        wanted = list(dict.fromkeys(letter_ids or ()))
        settled = run_on_database(settle_letters(settings, wanted, verdict, say=typer.echo))
        unknown = len(wanted) - settled
    typer.echo(f"{settled} {'letter' if settled == 1 else 'letters'}: {verdict}")
    if unknown:
        stop(f"{unknown} of the ids belong to no uncertain or failed letter.")


async def list_letters(settings: Settings, state: Pending = "uncertain") -> list[dict[str, str]]:
    """At most a thousand letters in `state`, the longest in it first, without personal data. Raises PyMongoError."""
    async with mongo.opened(settings, "notify") as database:
        rows = await NotifyStore(database).in_state(state, 1000)
    return [
        {"id": row["_id"], "code": row["code"], "moment": row["moment"], "since": row["settled_at"].isoformat()}
        | {"channel": row.get("channel", "email"), "message_id": _sought(row, settings), "reason": row["reason"]}
        for row in rows
    ]


def _sought(row: Mapping[str, Any], settings: Settings) -> str:
    """What the server knows the letter by."""
    letter_id: str = row["_id"]
    return letter_id if row.get("channel") == "sms" else message_id(letter_id, row["token"], settings.smtp.sender)


def _silent(_: str) -> None: ...


async def settle_all(
    settings: Settings,
    state: Pending,
    verdict: Verdict,
    time: LegalTime | None = None,
    *,
    reason: str = "",
    say: Callable[[str], None] = _silent,
) -> int:
    """Settle every letter that is in `state` now and whose reason begins with `reason`. Returns how many. Raises PyMongoError."""
    async with mongo.opened(settings, "notify") as database:
        rows = await NotifyStore(database).in_state(state)
    chosen = {row["_id"]: f"{row['code']}  {row['moment']}  {row['reason']}" for row in rows if row["reason"].startswith(reason)}
    return await settle_letters(settings, chosen, verdict, time, say=say)


async def settle_letters(
    settings: Settings,
    letters: Mapping[str, str] | Sequence[str],
    verdict: Verdict,
    time: LegalTime | None = None,
    *,
    say: Callable[[str], None] = _silent,
) -> int:
    """Settle uncertain or failed letters: they count as sent, or they are sent again with the same id.

    `say` gets a line for each, with what a mapping holds of it. A running notify announces or sends them at its next tick.
    Returns how many there were. Raises PyMongoError.
    """
    time = time or make_legal_time(settings.legal_time.file)
    now, legal = time.machine(), time.now()
    if verdict == "sent":
        settlement = domain.Settlement("sent", "found in the mailbox or at the gateway by an operator", announced=True)
    else:
        settlement = domain.queue_anew("to be sent again, by an operator's decision", now)
    settled = 0
    async with mongo.opened(settings, "notify") as database:
        store = NotifyStore(database)
        for letter_id in letters:
            known = letters[letter_id] if isinstance(letters, Mapping) else ""
            if await store.overrule(letter_id, settlement, now=now, legal=legal):
                settled += 1
                say("  ".join(part for part in (letter_id, known, verdict) if part))
            else:
                say(f"{letter_id}  no uncertain or failed letter")
    return settled
