"""The whole system on one machine: servers by the launcher, topics, and the four services as processes of their own."""

import asyncio
import contextlib
import os
import shlex
import sys
from collections.abc import AsyncIterator, Container, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    KafkaError,
    NotCoordinatorForGroupError,
    for_code,
)
from pymongo.errors import PyMongoError

from pakn.engine import kafka
from pakn.local.child_process import CannotStart, free_ports, require_free
from pakn.local.kept_secrets import kept_secret
from pakn.local.launcher import KAFKA, MONGO, Servers
from pakn.local.supervisor import Supervisor
from pakn.operations import mongo_access, topics
from pakn.operations.rights import Login
from pakn.settings import Settings
from schemas.topics import SERVICES, ServiceName

_COORDINATOR_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Stack:
    """Four service processes under one supervisor; `urls` are their pages, `settings` what they all share.

    `environment` is for other commands about the same system, with all rights on both servers; `own` is what one service has
    instead of it: its port and its logins.
    """

    settings: Settings
    environment: Mapping[str, str]
    own: Mapping[str, Mapping[str, str]]
    urls: Mapping[ServiceName, str]
    supervisor: Supervisor


def secret_key(folder: Path) -> str:
    """The secret key of a local installation: from the environment, or made once and kept in `folder`."""
    return os.environ.get("PAKN_INTAKE__SECRET_KEY") or kept_secret(folder / "secret.key")


@contextlib.asynccontextmanager
async def running(
    servers: Servers,
    folder: Path,
    environment: Mapping[str, str],
    logs: Path | None,
    ports: Mapping[ServiceName, int] | None = None,
) -> AsyncIterator[Stack]:
    """Make the topics and run the four services until the block ends, on `ports` or on any free ones.

    `environment` is what the processes get on top of this one's. On servers that were started here each service logs in as
    itself. Raises CannotStart when a server refuses or does not answer.
    """
    ports = ports or dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
    passwords = {name: kept_secret(folder / "logins" / name) for name in SERVICES} if servers.own else {}
    shared = {
        **servers.environment,
        "PAKN_INTAKE__SECRET_KEY": secret_key(folder),
        "PAKN_INTAKE__TOKEN_KEYS": os.environ.get("PAKN_INTAKE__TOKEN_KEYS") or f"local:{kept_secret(folder / 'token.key')}",
        "PAKN_INTAKE__PUBLIC_URL": f"http://127.0.0.1:{ports['intake']}",
        **environment,
    }
    given = {f"PAKN_ACCESS__{name.upper()}": password for name, password in passwords.items()} if KAFKA in servers.own else {}
    # The settings of this process are those of its children, so that what it reads from outside has the same names.
    with _environment(shared | given):
        settings = Settings()
    logins = {name: _login(settings, name, passwords.get(name, ""), servers.own) for name in SERVICES}
    try:
        await topics.provision(settings)
        await _wait_for_coordinators(settings)
    except (KafkaError, OSError) as error:
        raise CannotStart(f"The Kafka at {settings.kafka.bootstrap} (PAKN_KAFKA__BOOTSTRAP) does not work: {error}") from error
    if MONGO in servers.own:
        users = {Login("service", name).name(settings.namespace): password for name, password in passwords.items()}
        try:
            await mongo_access.give_users(settings, users)
        except PyMongoError as error:
            raise CannotStart(f"The {servers.own[MONGO].name} that was started does not work: {error}") from error
    commands: dict[str, list[str]] = {name: [sys.executable, "-m", "pakn", "run", name] for name in ports}
    own: dict[str, dict[str, str]] = {name: {"PAKN_HTTP__PORT": str(port)} | logins[name] for name, port in ports.items()}
    supervisor = Supervisor(commands, shared, own_env=own, logs=logs)
    await supervisor.start()
    try:
        urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
        yield Stack(settings, {**os.environ, **shared}, own, urls, supervisor)
    finally:
        await supervisor.stop()


def _login(settings: Settings, service: ServiceName, password: str, own: Container[str]) -> dict[str, str]:
    login = {"USERNAME": Login("service", service).name(settings.namespace), "PASSWORD": password}
    kafka_login = {"MECHANISM": "SCRAM-SHA-512"} | login if KAFKA in own else {}
    mongo_login = login if MONGO in own else {}
    return {f"PAKN_KAFKA__{name}": value for name, value in kafka_login.items()} | {
        f"PAKN_MONGO__{name}": value for name, value in mongo_login.items()
    }


async def _wait_for_coordinators(settings: Settings) -> None:
    """Return when Kafka has a coordinator for each service's group. Raises TimeoutError after a minute.

    A new Kafka makes the topic of groups when it is first asked, and the client library logs an error for each group that
    asks too early: what a healthy start must not show.
    """
    try:
        async with kafka.administering(settings.kafka) as admin, asyncio.timeout(_COORDINATOR_SECONDS):
            for name in SERVICES:
                while True:
                    if await _has_coordinator(admin, kafka.group_name(settings.namespace, name)):
                        break
                    await asyncio.sleep(0.1)
    except TimeoutError:
        raise TimeoutError(f"it has had no coordinator of groups for {_COORDINATOR_SECONDS:.0f} s") from None


async def _has_coordinator(admin: AIOKafkaAdminClient, group: str) -> bool:
    try:
        (described,) = await admin.describe_consumer_groups([group])
    except GroupCoordinatorNotAvailableError:
        return False
    return for_code(described.groups[0][0]) not in (GroupLoadInProgressError, NotCoordinatorForGroupError)


@contextlib.contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


async def run_until_signal(folder: Path, settings: Settings) -> None:
    """Run everything in the foreground until Ctrl-C or SIGTERM, on the ports that the settings name.

    Services that end are started again, and so are the servers that were started here. Raises CannotStart, before anything
    is started, when another program has one of the ports.
    """
    # A shell that holds the addresses printed below starts these same servers, and does not wait for them.
    local = settings.local
    own = {KAFKA: f"127.0.0.1:{local.kafka_port}", MONGO: f"mongodb://127.0.0.1:{local.mongo_port}/"}
    given = {name: value for name, value in os.environ.items() if value.partition("?")[0] != own.get(name)}
    if KAFKA not in given:
        # A shell that was told of our own Kafka has its login too.
        given = {name: value for name, value in given.items() if not name.startswith("PAKN_KAFKA__")}
    ports = service_ports(settings)
    wanted: dict[str, Mapping[str, int]] = {
        "PAKN_HTTP__PORT (intake's; the others have the three after it)": dict[str, int](ports.items())
    }
    if not given.get(KAFKA):
        wanted["PAKN_LOCAL__KAFKA_PORT"] = {"Kafka": local.kafka_port}
    if not given.get(MONGO):
        wanted["PAKN_LOCAL__MONGO_PORT"] = {"MongoDB": local.mongo_port}
    require_free(wanted)
    ours = Servers.start(folder, fresh=False, environment=given, kafka_port=local.kafka_port, mongo_port=local.mongo_port)
    with ours as servers:
        print(servers.description, flush=True)
        public = {name: value for name, value in os.environ.items() if name == "PAKN_INTAKE__PUBLIC_URL"}
        async with running(servers, folder, public, None, ports) as stack:
            for name, url in stack.urls.items():
                print(f"{name:<9} {url}", flush=True)
            print("Other commands (.venv/bin/pakn letters, ... token, ...) need these in their terminal; they stay the same:")
            print("\n".join(f"  export {line}" for line in _exports(servers, folder)), flush=True)
            if KAFKA in servers.own:
                print("A portal or an agency logs in as itself; this gives it a new password, which is shown once:")
                print("  .venv/bin/pakn access issue NAME   (.venv/bin/pakn access list names everybody)", flush=True)
            keeper = asyncio.create_task(servers.keep_running(lambda line: print(f"servers    | {line}", flush=True)))
            try:
                await stack.supervisor.run_until_signal()
            finally:
                keeper.cancel()


def service_ports(settings: Settings) -> dict[ServiceName, int]:
    """The ports of the four services on one machine: intake's from the settings, the others' after it."""
    return {name: (settings.http.port or settings.port(SERVICES[0])) + number for number, name in enumerate(SERVICES)}


def _exports(servers: Servers, folder: Path) -> Iterator[str]:
    """What another terminal must set, as a shell reads it; what was set by hand is known to whoever did, and may be secret."""
    for server in servers.own.values():
        for name, value in server.environment.items():
            kept = server.secret_files.get(name)
            yield f'{name}="$(cat {shlex.quote(str(kept.absolute()))})"' if kept else f"{name}={shlex.quote(value)}"
    if "PAKN_INTAKE__SECRET_KEY" not in os.environ:
        yield f'PAKN_INTAKE__SECRET_KEY="$(cat {shlex.quote(str((folder / "secret.key").absolute()))})"'
    if "PAKN_INTAKE__TOKEN_KEYS" not in os.environ:
        yield f'PAKN_INTAKE__TOKEN_KEYS="local:$(cat {shlex.quote(str((folder / "token.key").absolute()))})"'
