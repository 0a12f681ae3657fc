"""Makes the users of MongoDB: each service has rights on its own database and nothing else; an operator on all of them.

The users have the names and the passwords that they have in Kafka, and stand in the database `admin`.
"""

from collections.abc import Mapping
from typing import Any

from pymongo.errors import OperationFailure

from pakn.engine import mongo
from pakn.operations.rights import OPERATOR, OWN, Login
from pakn.settings import Settings
from schemas.topics import SERVICES

_USER_EXISTS = 51003
# Unauthorized; what hosted services answer to commands that they keep for themselves.
_REFUSED = {13, 8000}
Role = dict[str, str]


class MayMakeNoUsers(Exception):
    """The login by which MongoDB was asked has no right to make users there, so they are as they were."""


def roles_of(login: Login, namespace: str) -> list[Role]:
    """What a login may do in MongoDB; empty for everybody who has no business there."""
    own = SERVICES if login == OPERATOR else [login.id] if login.kind == "service" else []
    return [{"role": "readWrite", "db": mongo.database_name(namespace, service)} for service in own]


async def give_users(settings: Settings, passwords: Mapping[str, str]) -> int:
    """Let the deployment's own programs log in by these passwords, each with the rights of `roles_of` and no others.

    `passwords` are by user name. Connections that are open stay so. Returns how many users were made. Raises MayMakeNoUsers;
    PyMongoError where MongoDB does not answer.
    """
    namespace, client = settings.namespace, mongo.make_client(settings.mongo)
    made = 0
    try:
        for login in OWN:
            user, roles = login.name(namespace), roles_of(login, namespace)
            if roles and user in passwords:
                made += await _give(client.admin, user, passwords[user], roles)
    except OperationFailure as error:
        if error.code in _REFUSED:
            raise MayMakeNoUsers("MongoDB's users are left as they are: the login in the settings may make none.") from error
        raise
    finally:
        await mongo.close(client)
    return made


async def _give(admin: mongo.Database, user: str, password: str, roles: list[Role]) -> bool:
    given: dict[str, Any] = {"pwd": password, "roles": roles}
    try:
        await admin.command("createUser", user, **given)
    except OperationFailure as error:
        if error.code != _USER_EXISTS:
            raise
        await admin.command("updateUser", user, **given)
        return False
    return True
