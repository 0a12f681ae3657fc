"""The whole system on one machine: servers by the launcher, topics, and the four services as processes of their own.

`pakn up`, `pakn demo` and `make bench` start here, so all of them run the services in the same way, as containers do.
"""

import contextlib
import os
import secrets
import shlex
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

from pakn.local.child_process import CannotStart, free_ports
from pakn.local.launcher import Servers
from pakn.local.supervisor import Supervisor
from pakn.operations import topics
from pakn.settings import DEFAULT_PORTS, Settings
from schemas.topics import SERVICES, ServiceName


class Stack:
    """Four service processes under one supervisor; `urls` are their pages, `settings` what they all share,
    `environment` what they get (for other commands about the same system)."""

    def __init__(
        self, settings: Settings, environment: Mapping[str, str], ports: Mapping[ServiceName, int], logs: Path | None
    ) -> None:
        self.settings = settings
        self.environment = {**os.environ, **environment}
        self.urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
        commands: dict[str, list[str]] = {
            # `env` sets what differs between the four: their ports.
            name: ["/usr/bin/env", f"PAKN_HTTP__PORT={ports[name]}", sys.executable, "-m", "pakn", "run", name]
            for name in SERVICES
        }
        self.supervisor = Supervisor(commands, environment, logs=logs)


def secret_key(folder: Path) -> str:
    """The secret key of a local installation: from the environment, or made once and kept in `folder`."""
    from_environment = os.environ.get("PAKN_INTAKE__SECRET_KEY")
    if from_environment:
        return from_environment
    file = folder / "secret.key"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(secrets.token_hex(32))
    return file.read_text()


@contextlib.asynccontextmanager
async def running(
    servers: Servers, folder: Path, environment: Mapping[str, str], logs: Path | None, fixed_ports: bool
) -> AsyncIterator[Stack]:
    """Make the topics and run the four services until the block ends. `environment` is what the processes get on top."""
    if fixed_ports:
        _check_free(DEFAULT_PORTS)
    ports = dict(DEFAULT_PORTS) if fixed_ports else dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
    shared = {
        "PAKN_KAFKA__BOOTSTRAP": servers.kafka_bootstrap,
        "PAKN_MONGO__URI": servers.mongo_uri,
        "PAKN_INTAKE__SECRET_KEY": secret_key(folder),
        "PAKN_INTAKE__PUBLIC_URL": f"http://127.0.0.1:{ports['intake']}",
        **environment,
    }
    # The settings of this process are those of its children, so that what it reads from outside has the same names.
    with _environment(shared):
        settings = Settings()
    await topics.provision(settings)
    stack = Stack(settings, shared, ports, logs)
    await stack.supervisor.start()
    try:
        yield stack
    finally:
        await stack.supervisor.stop()


def _check_free(ports: Mapping[ServiceName, int]) -> None:
    """Raises CannotStart with every port that another program has: a service would be started again and again in vain."""
    taken = []
    for name, port in ports.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                taken.append(f"{port} ({name})")
    if taken:
        raise CannotStart(f"Another program has port {', '.join(taken)}; end it first. Is `pakn up` running already?")


@contextlib.contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


async def run_until_signal(folder: Path) -> None:
    """`pakn up`: everything in the foreground until Ctrl-C."""
    with Servers.start(folder, fresh=False) as servers:
        print(servers.description, flush=True)
        async with running(servers, folder, {}, logs=None, fixed_ports=True) as stack:
            for name, url in stack.urls.items():
                print(f"{name:<9} {url}", flush=True)
            print(
                "Other commands (pakn letters, pakn token, ...) need, until the next start:\n"
                f"  export PAKN_KAFKA__BOOTSTRAP={servers.kafka_bootstrap} PAKN_MONGO__URI={shlex.quote(servers.mongo_uri)}"
                f" PAKN_INTAKE__SECRET_KEY=$(cat {folder / 'secret.key'})",
                flush=True,
            )
            await stack.supervisor.run_until_signal()
