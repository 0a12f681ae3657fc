"""Who may connect to Kafka, for an operator: list, apply, print, issue, revoke."""

from collections.abc import Callable
from typing import Annotated, Literal, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from pakn.engine.command_line import settings_or_stop, stop
from pakn.operations import access, strimzi
from pakn.operations.kafka_access import AccessFailed
from pakn.packs.load import PackError
from pakn.settings import Settings

T = TypeVar("T")
Name = Annotated[str, typer.Argument(help="a user name such as pakn.portal.cdvcqg, or an id of the pack that only one has")]
cli = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)


@cli.command("list")
def list_logins() -> None:
    """Everybody who may connect, and whether Kafka has their rights as the pack says."""
    settings, parties = _settings_and_parties()
    table = Table("login", "who", "in Kafka")
    for login, said in _or_stop(settings, lambda: access.differences(settings, parties)):
        table.add_row(login.name(settings.namespace), login.kind, said)
    Console().print(table)


@cli.command()
def apply() -> None:
    """Give everybody who may log in exactly the rights of the pack, and the services the passwords of PAKN_ACCESS__..."""
    settings, parties = _settings_and_parties()
    changed = _or_stop(settings, lambda: access.apply(settings, parties))
    typer.echo(f"{changed} rights were added or taken away." if changed else "Nothing had to be changed.")


@cli.command("print")
def print_rights(
    format: Annotated[Literal["kafka-acls", "strimzi"], typer.Option(help="commands of Kafka's own tool, or Strimzi's users")],
) -> None:
    """Print all rights for those who keep users elsewhere; nothing is changed, and no Kafka is asked."""
    settings, parties = _settings_and_parties()
    if format == "kafka-acls":
        typer.echo("\n".join(access.kafka_acls(settings.namespace, parties.logins)))
        return
    try:
        typer.echo(strimzi.users(settings.namespace, parties.logins), nl=False)
    except ValueError as error:
        stop(str(error))


@cli.command()
def issue(name: Name) -> None:
    """Give a login a new password and its rights. The password is shown once; a former one ends."""
    settings, parties = _settings_and_parties()
    login = _or_stop(settings, lambda: access.find(settings, parties, name))
    password = _or_stop(settings, lambda: access.issue(settings, login))
    user = login.name(settings.namespace)
    typer.echo(f"{user} may log in from now on. Hand over the last line; it is kept nowhere else.", err=True)
    typer.echo(f"SCRAM-SHA-512, user {user}, consumer groups begin with {user}. (with the dot), password:", err=True)
    typer.echo(password)


@cli.command()
def revoke(name: Name) -> None:
    """Take a login's rights and its password away; what it has open may do nothing from then on."""
    settings, parties = _settings_and_parties()
    login = _or_stop(settings, lambda: access.find(settings, parties, name))
    _or_stop(settings, lambda: access.revoke(settings, login))
    typer.echo(f"{login.name(settings.namespace)} has no rights and no password any more.")


def _settings_and_parties() -> tuple[Settings, access.Parties]:
    settings = settings_or_stop()
    try:
        return settings, access.parties_of(settings)
    except PackError as error:
        stop(str(error))


def _or_stop(settings: Settings, call: Callable[[], T]) -> T:
    try:
        return call()
    except access.NoSuchLogin as error:
        stop(str(error))
    except (AccessFailed, OSError) as error:
        stop(f"The Kafka at {settings.kafka.bootstrap} (PAKN_KAFKA__BOOTSTRAP): {error}")
