"""Kafka and MongoDB as containers for the tests (`TEST_STACK=docker`).

Tests that kill servers start their own through the launcher, here too. Containers are removed at the end; where testcontainers'
own clean-up container cannot be had, set TESTCONTAINERS_RYUK_DISABLED=true.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import pymongo
import pymongo.errors
from testcontainers.core.container import DockerContainer

from pakn.local.child_process import CannotStart, free_ports
from pakn.local.kafka_process import answers
from pakn.local.launcher import KAFKA, MONGO, Servers

KAFKA_IMAGE = "apache/kafka:4.4.0"
MONGO_IMAGE = "mongo:8.0"
_READY_SECONDS = 120
_ALREADY_INITIALIZED = 23
_SETTINGS = {
    "KAFKA_NODE_ID": "1",
    "KAFKA_PROCESS_ROLES": "broker,controller",
    "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
    "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
    "KAFKA_LISTENERS": "PLAINTEXT://:9092,CONTROLLER://:9093",
    "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "KAFKA_INTER_BROKER_LISTENER_NAME": "PLAINTEXT",
    "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
    "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
    "KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS": "1000",
    "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": "4",
    "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
    "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
    "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
}


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
    bootstrap = f"127.0.0.1:{kafka_port}"
    uri = f"mongodb://127.0.0.1:{mongo_port}/?directConnection=true&w=majority&journal=true"
    kafka = DockerContainer(KAFKA_IMAGE).with_envs(**_SETTINGS, KAFKA_ADVERTISED_LISTENERS=f"PLAINTEXT://{bootstrap}")
    mongo = DockerContainer(MONGO_IMAGE).with_command("mongod --replSet rs0 --bind_ip_all")
    # `with_bind_ports` would open both, which ask for no password, to the whole network.
    kafka.ports = {"9092/tcp": ("127.0.0.1", kafka_port)}  # type: ignore[dict-item]
    mongo.ports = {"27017/tcp": ("127.0.0.1", mongo_port)}  # type: ignore[dict-item]
    with contextlib.ExitStack() as stack:
        for container in (kafka, mongo):
            stack.callback(container.stop)
            container.start()
        with pymongo.MongoClient[dict[str, Any]](uri, serverSelectionTimeoutMS=500) as client:
            _wait(MONGO_IMAGE, mongo, lambda: _takes_writes(client))
        _wait(KAFKA_IMAGE, kafka, lambda: answers(kafka_port))
        yield Servers({}, {KAFKA: bootstrap, MONGO: uri}, f"; {KAFKA_IMAGE} and {MONGO_IMAGE} in Docker")
