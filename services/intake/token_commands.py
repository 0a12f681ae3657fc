"""Tokens of agencies and portals, for an operator: issue, deny, denied."""

import uuid
from datetime import timedelta
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from pakn.engine import mongo
from pakn.engine.command_line import run_on_database, settings_or_stop, stop
from pakn.legal_time import machine_now
from pakn.packs.load import PackError, load_pack
from pakn.settings import Settings
from services.intake.denied_tokens import Denied, DeniedTokens
from services.intake.doors.tokens import SCOPES, Bearer, Kind, sign

Party = Annotated[str, typer.Argument(help="an agency's id, or with --portal a portal's")]
IsPortal = Annotated[bool, typer.Option("--portal", help="PARTY is a portal, which says by the token who it is")]
Why = Annotated[str, typer.Option(help="the reason, which is kept")]
_MOST_OFFICER: Final = 100
cli = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)


@cli.command()
def issue(
    party: Party,
    days: Annotated[int, typer.Option(min=1, max=3650)] = 90,
    portal: IsPortal = False,
    officer: Annotated[str, typer.Option(help="the account of the agency's officer who gets it; recorded with each look")] = "",
    scope: Annotated[list[str] | None, typer.Option(help="what it allows; everything by default; may be given twice")] = None,
) -> None:
    """Sign a token by which an agency may read the senders and files of its own cases, or a portal says who it is.

    The token is the only line on standard output; its id, by which it can be denied, is on standard error.
    """
    if officer and (portal or len(officer) > _MOST_OFFICER or not officer.isprintable()):
        stop(f"--officer is an account of at most {_MOST_OFFICER} characters, of an agency.")
    settings = settings_or_stop()
    if not settings.intake.token_keys:
        stop("PAKN_INTAKE__TOKEN_KEYS must be what intake runs with; `pakn up` keeps its own in .pakn/token.key")
    kind = _kind(settings, party, portal=portal)
    scopes = [known for known in SCOPES[kind] if scope is None or known in scope]
    if unknown := set(scope or ()) - set(SCOPES[kind]):
        stop(f"A token of {kind} has no scope {', '.join(sorted(unknown))}; name some of {', '.join(SCOPES[kind])}.")
    now = machine_now()
    bearer = Bearer(kind, party, str(uuid.uuid4()), now, officer or None)
    typer.echo(f"The id of this token is {bearer.token_id}; it allows {', '.join(scopes)} for {days} days.", err=True)
    typer.echo(sign(settings.intake.token_keys[0], bearer, now + timedelta(days=days), scopes))


@cli.command()
def deny(token_id: Annotated[str, typer.Argument(help="the id that `issue` said")], why: Why) -> None:
    """Call back one token. Intake refuses it from now on."""
    settings = settings_or_stop()
    run_on_database(deny_tokens(settings, None, token_id, why))
    typer.echo(f"The token {token_id} is refused from now on.")


@cli.command("deny-all")
def deny_all(party: Party, why: Why, portal: IsPortal = False) -> None:
    """Call back all tokens that an agency or a portal has; those that are issued later hold."""
    settings = settings_or_stop()
    kind = _kind(settings, party, portal=portal)
    run_on_database(deny_tokens(settings, kind, party, why))
    typer.echo(f"All tokens of the {kind} {party} that were issued until now are refused.")


@cli.command()
def denied() -> None:
    """What was called back, when, and why."""
    table = Table("token, or all of", "until", "why")
    for row in run_on_database(_denied(settings_or_stop())):
        table.add_row(row.id, f"{row.until:%Y-%m-%d %H:%M} UTC", row.why)
    Console().print(table)


async def deny_tokens(settings: Settings, kind: Kind | None, name: str, why: str) -> None:
    """Call back the token with the id `name`, or all tokens of the party `name` of this kind. Raises PyMongoError."""
    async with mongo.opened(settings, "intake") as database:
        denied_tokens = DeniedTokens(database)
        if kind is None:
            await denied_tokens.deny(name, machine_now(), why)
        else:
            await denied_tokens.deny_all(kind, name, machine_now(), why)


async def _denied(settings: Settings) -> list[Denied]:
    async with mongo.opened(settings, "intake") as database:
        return [row async for row in DeniedTokens(database).listed()]


def _kind(settings: Settings, party: str, *, portal: bool) -> Kind:
    try:
        pack = load_pack(settings.pack)
    except PackError as error:
        stop(str(error))
    kind: Kind = "portal" if portal else "agency"
    if party not in {row.id for row in (pack.header.portals if portal else pack.agencies)}:
        stop(f"Pack {pack.id} has no {kind} {party!r}.")
    return kind
