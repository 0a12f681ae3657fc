"""MongoDB lets each service do everything in its own database and nothing elsewhere; whoever does not log in gets nothing."""

import asyncio
import contextlib
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from subprocess import PIPE, STDOUT
from typing import Any

import pytest
from pymongo import InsertOne
from pymongo.errors import OperationFailure

from pakn.engine import mongo
from pakn.local.launcher import Servers
from pakn.logins import MongoSettings
from pakn.operations.mongo_access import MayMakeNoUsers, give_users
from pakn.settings import Settings
from schemas.topics import SERVICES

UNAUTHORIZED, WRONG_PASSWORD = 13, 18
Deed = Callable[[mongo.Database], Awaitable[Any]]


async def _aggregate(database: mongo.Database, *stages: dict[str, Any]) -> list[Any]:
    cursor = database.things.aggregate(list(stages))
    # PyMongo's `aggregate` is awaited, Motor's is not.
    found: list[Any] = await (await cursor if hasattr(cursor, "__await__") else cursor).to_list(None)
    return found


# In this order: each is allowed in one's own database.
DEEDS: dict[str, Deed] = {
    "insert": lambda database: database.things.insert_one({"_id": 1, "word": "secret"}),
    "write many": lambda database: database.things.bulk_write([InsertOne({"_id": 2})], ordered=False),
    "index": lambda database: database.things.create_index("word"),
    "find": lambda database: database.things.find_one({}),
    "count": lambda database: database.things.count_documents({}),
    "aggregate": lambda database: _aggregate(database, {"$match": {}}),
    "update": lambda database: database.things.update_one({"_id": 1}, {"$set": {"word": "another"}}),
    "find and change": lambda database: database.things.find_one_and_update({"_id": 1}, {"$set": {"word": "a third"}}),
    "list": lambda database: database.list_collection_names(),
    "delete": lambda database: database.things.delete_one({"_id": 2}),
    "drop": lambda database: database.drop_collection("things"),
}


async def refused(work: Awaitable[Any]) -> int:
    """The code of MongoDB's refusal."""
    with pytest.raises(OperationFailure) as caught:
        await work
    return caught.value.code or 0


class Logins:
    """Clients of one deployment's users."""

    def __init__(self, settings: Settings, stack: contextlib.AsyncExitStack) -> None:
        self.settings, self._stack = settings, stack
        self.passwords = {f"{settings.namespace}.{name}": f"word-of-{name}" for name in (*SERVICES, "operator", "exporter")}

    def client(self, name: str | None, password: str | None = None) -> mongo.Client:
        """A client of its own; of nobody without a name, with the password that `name` was given or another one."""
        user = f"{self.settings.namespace}.{name}" if name else None
        login = {"username": user, "password": (password or self.passwords.get(user)) if user else None}
        values = {"uri": self.settings.mongo.uri, "driver": self.settings.mongo.driver, **login}
        client = mongo.make_client(MongoSettings.model_validate(values))
        self._stack.push_async_callback(mongo.close, client)
        return client

    def database(self, client: mongo.Client, service: str) -> mongo.Database:
        """The database of a service, by this client."""
        return client.get_database(mongo.database_name(self.settings.namespace, service))


@pytest.fixture(params=["pymongo", "motor"])
async def logins(request: pytest.FixtureRequest, servers: Servers, settings: Settings) -> AsyncIterator[Logins]:
    """Everybody of a namespace that has users and no documents."""
    if not settings.mongo.username:
        pytest.skip(f"the MongoDB that was given asks for no login, or has it in its address: {servers.description}")
    given = settings.model_copy(update={"mongo": servers.mongo(driver=request.param)})
    async with contextlib.AsyncExitStack() as stack:
        made = Logins(given, stack)
        assert await give_users(given, made.passwords) == len(SERVICES) + 1
        yield made
        everything = mongo.make_client(given.mongo)
        for name in SERVICES:
            await everything.drop_database(mongo.database_name(given.namespace, name))
        for user in made.passwords:
            with contextlib.suppress(OperationFailure):
                await everything.admin.command("dropUser", user)
        await mongo.close(everything)


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_may_do_everything_in_its_own_database_and_nothing_in_any_other(logins: Logins, service: str) -> None:
    """All four had the root user: one that was broken into could read every sender's phone at intake and change every case."""
    client = logins.client(service)
    for what, deed in DEEDS.items():
        try:
            await deed(logins.database(client, service))
        except OperationFailure as error:
            pytest.fail(f"{service} may not {what} in its own database: {error}")
    for other in {*SERVICES, "store"} - {service}:
        codes = {what: await refused(deed(logins.database(client, other))) for what, deed in DEEDS.items()}
        codes["drop all"] = await refused(client.drop_database(mongo.database_name(logins.settings.namespace, other)))
        into = {"db": mongo.database_name(logins.settings.namespace, other), "coll": "things"}
        codes["copy into"] = await refused(_aggregate(logins.database(client, service), {"$out": into}))
        assert set(codes.values()) == {UNAUTHORIZED}, codes


async def test_a_service_can_give_itself_no_right_and_see_no_user(logins: Logins) -> None:
    client = logins.client("routing")
    own = f"{logins.settings.namespace}.routing"
    commands: list[tuple[str, Any, dict[str, Any]]] = [
        ("createUser", "somebody", {"pwd": "word", "roles": ["root"]}),
        ("updateUser", own, {"roles": ["root"]}),
        ("updateUser", f"{logins.settings.namespace}.intake", {"pwd": "word"}),
        ("grantRolesToUser", own, {"roles": ["root"]}),
        ("usersInfo", 1, {}),
    ]
    for name, value, more in commands:
        assert await refused(client.admin.command(name, value, **more)) == UNAUTHORIZED, name
    assert await refused(client.admin["system.users"].find_one({})) == UNAUTHORIZED
    # MongoDB lists to everybody what is their own; a stand-in may refuse the question.
    with contextlib.suppress(OperationFailure):
        assert set(await client.list_database_names()) <= {mongo.database_name(logins.settings.namespace, "routing")}


async def test_without_a_login_or_with_a_wrong_password_nothing_is_had(logins: Logins) -> None:
    await logins.database(logins.client("intake"), "intake").things.insert_one({"phone": "0912345678"})
    nobody, wrong = logins.client(None), logins.client("intake", "word-of-routing")
    for service in (*SERVICES, "store"):
        for what, deed in DEEDS.items():
            assert await refused(deed(logins.database(nobody, service))) == UNAUTHORIZED, what
    assert await refused(nobody.admin.command("listDatabases")) == UNAUTHORIZED
    assert await refused(logins.database(wrong, "intake").things.find_one({})) == WRONG_PASSWORD


async def test_an_operator_works_in_the_four_databases_and_makes_no_user(logins: Logins) -> None:
    """`pakn quarantine` and the audit open all of them; whoever runs them need not be able to let others in."""
    client = logins.client("operator")
    for service in SERVICES:
        for deed in DEEDS.values():
            await deed(logins.database(client, service))
    assert await refused(logins.database(client, "store").things.find_one({})) == UNAUTHORIZED
    operator = {"username": f"{logins.settings.namespace}.operator", "password": "word-of-operator"}
    values = {"uri": logins.settings.mongo.uri, "driver": logins.settings.mongo.driver, **operator}
    settings = logins.settings.model_copy(update={"mongo": MongoSettings.model_validate(values)})
    with pytest.raises(MayMakeNoUsers, match="left as they are"):
        await give_users(settings, {f"{settings.namespace}.intake": "another word"})
    assert await logins.database(logins.client("intake"), "intake").things.find_one({}) is None


async def test_a_command_of_another_services_database_says_that_it_was_refused(logins: Logins) -> None:
    """It said that the database did not answer, and its operator looked at the network."""
    login = {"USERNAME": f"{logins.settings.namespace}.routing", "PASSWORD": "word-of-routing"}
    environment = os.environ | {f"PAKN_MONGO__{name}": value for name, value in login.items()}
    environment |= {"PAKN_MONGO__URI": logins.settings.mongo.uri.get_secret_value(), "PAKN_NAMESPACE": logins.settings.namespace}
    command = [sys.executable, "-m", "pakn", "letters", "list"]
    ran = await asyncio.to_thread(subprocess.run, command, env=environment, stdout=PIPE, stderr=STDOUT, text=True)
    assert ran.returncode == 2
    assert re.fullmatch(r"The database at PAKN_MONGO__URI refuses: not authorized on \w+_notify [^{]*\n", ran.stdout), ran.stdout


async def test_only_who_works_with_documents_has_a_user(logins: Logins) -> None:
    assert await refused(logins.client("exporter").admin.command("ping")) == WRONG_PASSWORD


async def test_a_new_password_ends_the_old_one_and_no_open_connection(logins: Logins) -> None:
    """A password is changed while the service runs: it goes on by what it has open, until it is started with the new one."""
    running = logins.client("notify")
    letters = logins.database(running, "notify").letters
    await letters.insert_one({"_id": 1})
    assert await give_users(logins.settings, {f"{logins.settings.namespace}.notify": "a new word"}) == 0
    await letters.insert_one({"_id": 2})
    renewed = logins.database(logins.client("notify", "a new word"), "notify")
    assert await renewed.letters.count_documents({}) == 2
    assert await refused(logins.database(logins.client("notify"), "notify").letters.find_one({})) == WRONG_PASSWORD
    assert await refused(logins.database(logins.client("notify", "a new word"), "intake").letters.find_one({})) == UNAUTHORIZED
