"""The Kafka of docker-compose.yml, with its settings and its health check, as a broker of the launcher's in place of the image."""

import asyncio
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import NewTopic
from aiokafka.errors import (
    KafkaConnectionError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    UnsupportedSaslMechanismError,
)
from pydantic import SecretStr

from pakn.engine import kafka
from pakn.engine.kafka_login import client_options
from pakn.local import child_process, kafka_process, launcher
from pakn.local.kept_secrets import kept_secret
from pakn.logins import AccessSettings, KafkaSettings
from pakn.operations.topics import provision
from pakn.settings import Settings
from tests.repository.test_compose import SERVICES
from tests.support import packs
from tests.support.outside_world import until

WORD = "a password of the tests"
# What the image reads itself and makes no setting of Kafka's of.
NOT_SETTINGS = {"CLUSTER_ID", "KAFKA_HEAP_OPTS"}
# The rest of a line of the broker's settings that is a machine's own.
PLACES = {"listeners", "advertised.listeners", "controller.quorum.voters", "log.dirs"}


def settings_of_compose(password: str) -> dict[str, str]:
    """Kafka's settings as the image makes them: `_` is a dot, `__` an underscore, `___` a hyphen."""
    signs = {"_": ".", "__": "_", "___": "-"}
    found = {}
    for name, value in SERVICES["kafka"]["environment"].items():
        if name not in NOT_SETTINGS:
            key = re.sub("_+", lambda part: signs[part[0]], name.removeprefix("KAFKA_").lower())
            found[key] = re.sub(r"\$\{KAFKA_ADMIN_PASSWORD[^}]*\}", password, value)
    return found


class ComposeKafka(kafka_process.KafkaServer):
    """A broker with the settings of compose, on ports of its own. `host` is the address for clients outside of compose."""

    host = ""

    def prepare(self) -> list[str]:
        command = super().prepare()
        file = Path(command[-1])
        own = dict(line.split("=", 1) for line in file.read_text().splitlines())
        self.host = f"127.0.0.1:{child_process.free_ports(1)[0]}"
        addresses = f"CLIENT://{self.address},HOST://{self.host}"
        settings = settings_of_compose(kept_secret(self.password_file)) | {name: own[name] for name in PLACES & own.keys()}
        settings |= {"listeners": f"{own['listeners']},HOST://{self.host}", "advertised.listeners": addresses}
        file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        return command


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposeKafka]:
    jars = kafka_process.fetch_jars(launcher.TOOLS, print)
    made = ComposeKafka(tmp_path_factory.mktemp("compose"), jars, speed=False)
    made.start()
    yield made
    made.stop()


def login(broker: ComposeKafka, user: str, mechanism: str, password: str = WORD, address: str = "") -> KafkaSettings:
    """The settings by which somebody reaches the broker; at the address for clients inside of compose without another one."""
    return KafkaSettings(
        bootstrap=address or broker.address,
        security_protocol="SASL_PLAINTEXT",
        mechanism=mechanism,  # type: ignore[arg-type]
        username=user,
        password=SecretStr(password),
    )


async def lets_in(settings: KafkaSettings) -> bool:
    """Whether the broker knows the login by now; it makes the topics first."""
    try:
        async with kafka.administering(settings):
            return True
    except KafkaConnectionError:
        return False


async def write(settings: KafkaSettings, topic: str) -> None:
    async with AIOKafkaProducer(**client_options(settings), acks="all") as producer:
        await producer.send_and_wait(topic, b"{}", key=b"a case")


async def test_provision_lets_the_services_in_by_the_super_users_login_and_nobody_without_one(broker: ComposeKafka) -> None:
    """Compose's Kafka asked nobody for a login: whoever reached its port read every sender's phone and wrote official replies."""
    settings = Settings(
        namespace="compose",
        pack=str(packs.FOLDER),
        kafka=login(broker, "admin", "PLAIN", kept_secret(broker.password_file)),
        access=AccessSettings.model_validate(dict.fromkeys(AccessSettings.model_fields, WORD)),
    )
    assert len(await provision(settings)) > 10
    await until(lambda: lets_in(login(broker, "compose.routing", "SCRAM-SHA-512")), "the broker knows the logins")
    for address in (broker.address, broker.host):
        await write(login(broker, "compose.intake", "SCRAM-SHA-512", address=address), "compose.contacts")
        with pytest.raises(TopicAuthorizationFailedError):
            await write(login(broker, "compose.routing", "SCRAM-SHA-512", address=address), "compose.contacts")
        with pytest.raises(KafkaConnectionError):
            await write(login(broker, "compose.intake", "SCRAM-SHA-512", "a wrong word", address), "compose.contacts")
        with pytest.raises(KafkaConnectionError):
            async with asyncio.timeout(20):
                await write(KafkaSettings(bootstrap=address), "compose.contacts")
    # The super user's password is of no use at the port that is open to this machine.
    with pytest.raises((KafkaConnectionError, UnsupportedSaslMechanismError)):
        await write(login(broker, "admin", "PLAIN", kept_secret(broker.password_file), broker.host), "compose.contacts")


async def test_a_mistyped_topic_is_not_made(broker: ComposeKafka) -> None:
    """The settings of compose are in force: these are the image's names for them."""
    settings = login(broker, "admin", "PLAIN", kept_secret(broker.password_file))
    async with kafka.administering(settings) as admin:
        await admin.create_topics([NewTopic("there", 1, 1)])

        async def is_there() -> bool:
            return "there" in await admin.list_topics()

        await until(is_there, "the topic is there")
    async with AIOKafkaProducer(**client_options(settings), request_timeout_ms=2000) as producer:
        with pytest.raises(UnknownTopicOrPartitionError):
            await producer.partitions_for("ther")
    async with kafka.administering(settings) as admin:
        assert "ther" not in await admin.list_topics()


def test_the_health_check_asks_the_broker_without_a_login(broker: ComposeKafka) -> None:
    """Its former tool failed on a broker that asks for logins, and nothing would have been started after it."""
    test = SERVICES["kafka"]["healthcheck"]["test"]
    port = broker.address.partition(":")[2]
    closed = str(child_process.free_ports(1)[0])

    def check(at: str) -> int:
        command = [part.replace("9092", at).replace("$$", "$") for part in test[1:]]
        return subprocess.run(command, timeout=10, env=dict(os.environ), capture_output=True, check=False).returncode

    assert test[0] == "CMD"
    assert check(port) == 0
    assert check(closed) != 0
