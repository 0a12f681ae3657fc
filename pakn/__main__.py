"""The command `pakn`. Each subcommand lives with what it is about, and is imported only when it runs."""

from collections.abc import Mapping
from importlib import import_module, metadata
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

_COMMANDS: Mapping[str, tuple[str, str]] = {
    "run": ("pakn.__main__:run", "Run one service in this process until a signal."),
    "up": ("pakn.local.commands:up", "Run the four services in the foreground, with Kafka and MongoDB where no address is set."),
    "demo": ("pakn.demo.commands:demo", "Play weeks of requests through the four services and count what came of them."),
    "provision": ("pakn.operations.commands:provision", "Create the topics that the pack's agencies and portals need."),
    "doctor": ("pakn.operations.commands:doctor", "Say which settings are weak or only for trying out."),
    "access": (
        "pakn.operations.access_commands:cli",
        "Who may connect to Kafka, for an operator: list, apply, print, issue, revoke.",
    ),
    "quarantine": (
        "pakn.operations.quarantine:cli",
        "Records that end a process again and again: list, release, skip.",
    ),
    "token": ("services.intake.token_commands:cli", "Tokens of agencies and portals, for an operator: issue, deny, denied."),
    "looks": ("services.intake.commands:looks", "Say who has looked at the personal data of a feedback's sender."),
    "erase": ("services.intake.commands:erase", "Erase name, address, phone and email of a feedback's sender for good."),
    "letters": ("services.notify.commands:cli", "Letters that need a person: list them, settle them."),
    "due": ("services.deadlines.commands:due", "Say when a limit ends, by which law, and why: every counted and skipped day."),
    "calendar": ("services.deadlines.commands:calendar", "The working calendar: compare it, apply a corrected one."),
    "replay-clocks": (
        "services.deadlines.commands:replay_clocks",
        "Say from the lifecycle topic alone which clocks were open, met or late at any date.",
    ),
    "schemas": ("pakn.contracts.commands:cli", "The contracts: write and compare their files, freeze released schemas."),
}
"""Each subcommand: where it is, and its one line in the help, which is said here so that `pakn --help` imports none of them."""


class LazyCommand(TyperCommand):
    """Stands in the help for a subcommand that is imported when it runs."""

    def load(self) -> Any:
        """Import the subcommand."""
        module, _, name = _COMMANDS[str(self.name)][0].partition(":")
        found = getattr(import_module(module), name)
        if isinstance(found, typer.Typer):
            return get_command(found)
        app = typer.Typer(add_completion=False)
        app.command()(found)
        return get_command(app)

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        return self.load().make_context(info_name, args, parent=parent, **extra)


class _Commands(TyperGroup):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands = {name: LazyCommand(name=name, help=said) for name, (_, said) in _COMMANDS.items()}


cli = typer.Typer(cls=_Commands, no_args_is_help=True, add_completion=False, invoke_without_command=True)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"pakn {metadata.version('pakn')}")
        raise typer.Exit()


@cli.callback(help="PAKN: citizens' feedback with the law's clocks.")
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """What `pakn` takes before a subcommand."""


def run(
    service: Annotated[str, typer.Argument(help="intake, routing, deadlines or notify")],
    role: Annotated[
        str, typer.Option(help="web: only what answers HTTP; worker: only what reads Kafka and sends; without it the whole")
    ] = "",
) -> None:
    """Run one service in this process until a signal."""
    from pakn import logs
    from pakn.engine.command_line import settings_or_stop, stop
    from pakn.operations.doctor import refused
    from pakn.packs.load import PackError
    from schemas.topics import SERVICES

    if service not in SERVICES:
        stop(f"There is no service {service!r}; name one of {', '.join(SERVICES)}.")
    if role not in ("", "web", "worker"):
        stop(f"There is no role {role!r}; it is web or worker, and without --role the whole service runs.")
    settings = settings_or_stop()
    if weak := refused(settings, service):
        head = "PAKN_PROFILE=production does not start with these (PAKN_DOCTOR__ACCEPTED names those you live with):"
        stop("\n".join([head, *(f"  {finding}" for finding in weak)]))
    logs.configure(service, settings.log.level)
    try:
        # Imported by name, so that a process loads only the service that it runs.
        built = import_module(f"services.{service}.app").build_app(settings, role or None)
    except (PackError, ValueError) as error:
        stop(str(error))
    raise typer.Exit(built.run())


def main() -> None:
    """The entry point of the command."""
    cli()


if __name__ == "__main__":
    main()
