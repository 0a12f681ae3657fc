"""Kafka and MongoDB as containers for the tests (`TEST_STACK=docker`), asking for logins as those of docker-compose.yml do.

Tests that kill servers start their own through the launcher, here too. Containers are removed at the end; where testcontainers'
own clean-up container cannot be had, set TESTCONTAINERS_RYUK_DISABLED=true.
"""

import contextlib
import re
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any

import pymongo
import pymongo.errors
import yaml
from testcontainers.core.container import DockerContainer

from pakn.local.child_process import CannotStart, free_ports
from pakn.local.kafka_process import PROJECT, answers
from pakn.local.launcher import KAFKA, MONGO, Servers

COMPOSE: dict[str, dict[str, Any]] = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())["services"]
KAFKA_IMAGE, MONGO_IMAGE = COMPOSE["kafka"]["image"], COMPOSE["mongo"]["image"]
_READY_SECONDS = 120
_ALREADY_INITIALIZED = 23
# What differs from compose's Kafka: one listener for clients, and short waits.
_SETTINGS = {
    "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
    "KAFKA_LISTENERS": "CLIENT://:9092,CONTROLLER://:9093",
    "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CLIENT:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT",
    "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
    "KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS": "1000",
    "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": "4",
}


def _environment(service: str, password: str) -> dict[str, str]:
    """What compose gives to a container, with this password for every secret in it."""
    return {name: re.sub(r"\$\{\w+:\?[^}]*\}", password, value) for name, value in COMPOSE[service]["environment"].items()}


def _takes_writes(client: "pymongo.MongoClient[dict[str, Any]]") -> bool:
    """Whether the server is primary; a new one is made a replica set of one first."""
    try:
        if client.admin.command("hello").get("isWritablePrimary"):
            return True
        client.admin.command("replSetInitiate", {"_id": "rs0", "members": [{"_id": 0, "host": "127.0.0.1:27017"}]})
    except pymongo.errors.ConnectionFailure:
        return False
    except pymongo.errors.OperationFailure as refusal:
        if refusal.code != _ALREADY_INITIALIZED:
            raise
    return False


def _wait(name: str, container: DockerContainer, ready: Callable[[], bool]) -> None:
    ends = time.monotonic() + _READY_SECONDS
    while not ready():
        if container.status in ("exited", "dead") or time.monotonic() > ends:
            log = b"".join(container.get_logs()).decode(errors="replace").splitlines()[-15:]
            raise CannotStart("\n".join([f"{name} was not ready within {_READY_SECONDS} s. The end of its log:", *log]))
        time.sleep(0.1)


@contextlib.contextmanager
def docker_servers() -> Iterator[Servers]:
    """One broker and one replica set of one until the block ends, then they are removed with their data.

    Raises CannotStart with the end of a container's log, or the Docker client's error where none answers.
    """
    kafka_port, mongo_port = free_ports(2)
    password = secrets.token_hex(16)
    bootstrap = f"127.0.0.1:{kafka_port}"
    uri = f"mongodb://127.0.0.1:{mongo_port}/?directConnection=true&w=majority&journal=true"
    settings = _environment("kafka", password) | _SETTINGS | {"KAFKA_ADVERTISED_LISTENERS": f"CLIENT://{bootstrap}"}
    kafka = DockerContainer(KAFKA_IMAGE).with_envs(**settings)
    entrypoint = [part.replace("$$", "$") for part in COMPOSE["mongo"]["entrypoint"]]
    mongo = DockerContainer(MONGO_IMAGE).with_envs(**_environment("mongo", password))
    mongo = mongo.with_kwargs(entrypoint=entrypoint).with_command(COMPOSE["mongo"]["command"])
    # `with_bind_ports` would open both to the whole network.
    kafka.ports = {"9092/tcp": ("127.0.0.1", kafka_port)}  # type: ignore[dict-item]
    mongo.ports = {"27017/tcp": ("127.0.0.1", mongo_port)}  # type: ignore[dict-item]
    with contextlib.ExitStack() as stack:
        for container in (kafka, mongo):
            stack.callback(container.stop)
            container.start()
        root = COMPOSE["mongo"]["environment"]["MONGO_INITDB_ROOT_USERNAME"]
        with pymongo.MongoClient[dict[str, Any]](uri, username=root, password=password, serverSelectionTimeoutMS=500) as client:
            _wait(MONGO_IMAGE, mongo, lambda: _takes_writes(client))
        _wait(KAFKA_IMAGE, kafka, lambda: answers(kafka_port))
        given = {KAFKA: bootstrap, "PAKN_KAFKA__SECURITY_PROTOCOL": "SASL_PLAINTEXT", "PAKN_KAFKA__MECHANISM": "PLAIN"}
        given |= {"PAKN_KAFKA__USERNAME": "admin", "PAKN_KAFKA__PASSWORD": password}
        given |= {MONGO: uri, "PAKN_MONGO__USERNAME": root, "PAKN_MONGO__PASSWORD": password}
        yield Servers({}, given, f"; {KAFKA_IMAGE} and {MONGO_IMAGE} in Docker")
