"""Who may do what in Kafka: somebody of each kind logs in and tries each topic of a deployment, to read and to write."""

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    TopicAuthorizationFailedError,
)

from pakn.engine.kafka_login import client_options
from pakn.operations import access
from pakn.operations.rights import EXPORTER, OPERATOR, Login
from pakn.settings import Settings
from schemas import topics
from tests.support.raw_batches import RawSender, batch
from tests.support.system import System

PORTAL, OTHER_PORTAL = "cdvcqg", "danang-1022"
AGENCY, OTHER_AGENCY = "gia-lai", "da-nang"
KINDS = [
    *(Login("service", service) for service in topics.SERVICES),
    Login("portal", PORTAL),
    Login("agency", AGENCY),
    EXPORTER,
    OPERATOR,
]
TRIED = [
    "feedback",
    "contacts",
    "matters",
    *(f"{family}.{id}" for family in ("inbox", "outbox") for id in (PORTAL, OTHER_PORTAL)),
    *(f"{family}.{id}" for family in ("assignments", "actions", "files") for id in (AGENCY, OTHER_AGENCY)),
    *(topics.dead(service) for service in topics.SERVICES),
]
DENIED = (TopicAuthorizationFailedError.errno, ClusterAuthorizationFailedError.errno)
RECORD = batch([(b"nobody's", b"{}", [("ce_type", b"pakn.Tried.v1")])])
MATRIX = {
    "intake": {
        "read": {"feedback", "inbox.cdvcqg", "inbox.danang-1022", "files.gia-lai", "files.da-nang"},
        "write": {
            *("feedback", "contacts", "matters", "outbox.cdvcqg", "outbox.danang-1022", "inbox.cdvcqg", "inbox.danang-1022"),
            *("assignments.gia-lai", "assignments.da-nang", "dead.intake"),
        },
    },
    "routing": {
        "read": {"feedback", "matters", "actions.gia-lai", "actions.da-nang"},
        "write": {"feedback", "assignments.gia-lai", "assignments.da-nang", "dead.routing"},
    },
    "deadlines": {
        "read": {"feedback", "actions.gia-lai", "actions.da-nang"},
        "write": {"feedback", "assignments.gia-lai", "assignments.da-nang", "dead.deadlines"},
    },
    "notify": {"read": {"feedback", "contacts"}, "write": {"feedback", "dead.notify"}},
    "portal.cdvcqg": {"read": {"outbox.cdvcqg"}, "write": {"inbox.cdvcqg"}},
    "agency.gia-lai": {"read": {"assignments.gia-lai"}, "write": {"actions.gia-lai", "files.gia-lai"}},
    "exporter": {"read": set[str](), "write": set[str]()},
    "operator": {
        "read": set(TRIED),
        # Where dead letters are posted again.
        "write": {topic for topic in TRIED if topic.partition(".")[0] in ("feedback", "inbox", "actions", "files", "dead")},
    },
}
"""By the name of a login without its namespace: the topics of TRIED that it reads, and those into which it writes."""


@pytest.fixture(scope="module")
async def logged_in(system: System) -> dict[Login, Settings]:
    """The settings of each kind of client, with a password of its own."""

    def issued(login: Login) -> Settings:
        password = access.issue(system.settings, login)
        return _as(system.settings, login.name(system.settings.namespace), password)

    # The services run, and keep the passwords that they have.
    given = {login: _as(system.settings, login.name(system.settings.namespace), "a password of the tests") for login in KINDS[:4]}
    return given | {login: await asyncio.to_thread(issued, login) for login in KINDS[4:]}


def _as(settings: Settings, user: str, password: str) -> Settings:
    login = {"mechanism": "SCRAM-SHA-512", "username": user, "password": password}
    wanted = settings.kafka.model_dump() | login
    return settings.model_copy(update={"kafka": type(settings.kafka).model_validate(wanted)})


async def tried(settings: Settings) -> tuple[set[str], set[str]]:
    """The topics of TRIED that this client may read, and those into which it may write."""
    async with RawSender(settings) as client:
        read = {topic for topic in TRIED if await client.fetch(topic) not in DENIED}
        # Another refusal than that of the authorizer, such as that of a record without a key, is no matter of rights.
        write = {topic for topic in TRIED if await client.send(topic, RECORD) not in DENIED}
    return read, write


@pytest.mark.parametrize("login", KINDS, ids=lambda login: login.name("pakn"))
async def test_each_login_reads_and_writes_what_the_matrix_says_and_nothing_else(
    login: Login, logged_in: dict[Login, Settings]
) -> None:
    """One family too many, and a portal reads every sender's phone or speaks for every agency."""
    wanted = MATRIX[login.name("pakn").removeprefix("pakn.")]
    assert await tried(logged_in[login]) == (wanted["read"], wanted["write"])


async def test_somebody_without_a_login_or_with_a_wrong_password_gets_nothing(system: System) -> None:
    """The broker must ask who speaks before it answers anything."""
    plain = system.settings.kafka.model_copy(update={"security_protocol": "PLAINTEXT"})
    wrong = _as(system.settings, f"{system.settings.namespace}.intake", "a wrong password").kafka
    for options in (plain, wrong):
        client = AIOKafkaClient(**client_options(options), request_timeout_ms=3000)
        with pytest.raises(KafkaConnectionError):
            await client.bootstrap()
        await client.close()


async def test_a_consumer_group_belongs_to_whose_name_it_begins_with(logged_in: dict[Login, Settings]) -> None:
    """In another's group a portal would take answers away from their reader."""
    settings = logged_in[Login("portal", PORTAL)]
    topic = f"{settings.namespace}.outbox.{PORTAL}"
    for group, allowed in (
        (f"{settings.namespace}.portal.{PORTAL}.answers", True),
        (f"{settings.namespace}.portal.{PORTAL}-2.answers", False),
        (f"{settings.namespace}.intake", False),
    ):
        consumer = AIOKafkaConsumer(topic, **client_options(settings.kafka), group_id=group)
        try:
            if allowed:
                await consumer.start()
            else:
                with pytest.raises(GroupAuthorizationFailedError):
                    await consumer.start()
        finally:
            await consumer.stop()


async def test_a_login_that_is_revoked_does_nothing_more_even_on_an_open_connection(system: System) -> None:
    """Kafka leaves open connections of a user that is deleted as they are."""
    login = Login("agency", OTHER_AGENCY)
    parties = access.parties_of(system.settings)
    password = await asyncio.to_thread(access.issue, system.settings, login)
    settings = _as(system.settings, login.name(system.settings.namespace), password)
    async with RawSender(settings) as client:
        assert await client.send(f"actions.{OTHER_AGENCY}", RECORD) == 0
        await asyncio.to_thread(access.revoke, system.settings, login)
        assert await client.send(f"actions.{OTHER_AGENCY}", RECORD) in DENIED
    # The services' rights are given anew, and what was revoked stays revoked.
    await asyncio.to_thread(access.apply, system.settings, parties)
    said = dict(await asyncio.to_thread(access.differences, system.settings, parties))
    assert said[login] == "no login"
    assert said[Login("service", "intake")] == "as the pack says"
    with pytest.raises(KafkaConnectionError):
        await AIOKafkaClient(**client_options(settings.kafka)).bootstrap()
