"""The logins of a deployment: who may connect to Kafka, and what each may do there.

`rights` says what each may do, `kafka_access` makes it so; here both meet the pack. Everything waits for Kafka: run it in a thread.
"""

import secrets
from collections.abc import Iterable
from typing import NamedTuple

from pakn.legal_time import make_legal_time
from pakn.operations.kafka_access import KafkaAccess
from pakn.operations.rights import OWN, Login, Right, logins, rights_of
from pakn.packs.load import load_pack
from pakn.settings import Settings
from schemas import topics


class Parties(NamedTuple):
    """Everybody of a deployment: who may connect, and the topics that there are for them."""

    logins: list[Login]
    specs: list[topics.TopicSpec]


class NoSuchLogin(ValueError):
    """Nobody of that name may connect; the text names who may."""


def parties_of(settings: Settings) -> Parties:
    """The services, and the pack's portals and agencies that have not ended. Raises PackError."""
    pack = load_pack(settings.pack)
    today = make_legal_time(settings.legal_time.file).now().date()
    agencies, portals = [agency.id for agency in pack.agencies_not_ended(today)], [portal.id for portal in pack.header.portals]
    return Parties(logins(agencies, portals), topics.all_topics(agencies, portals))


def passwords(settings: Settings) -> dict[str, str]:
    """By user name, the passwords that the settings hold for the deployment's own programs."""
    found = {login: getattr(settings.access, login.id) for login in OWN}
    return {login.name(settings.namespace): secret.get_secret_value() for login, secret in found.items() if secret}


def find(settings: Settings, parties: Parties, name: str) -> Login:
    """The login with this user name, or with this id where only one has it. Raises NoSuchLogin."""
    found = [login for login in parties.logins if name in (login.name(settings.namespace), login.id)]
    if len(found) != 1:
        names = ", ".join(login.name(settings.namespace) for login in found or parties.logins[:12])
        raise NoSuchLogin(f"{name} is {'several' if found else 'nobody'}; name one of: {names}{'' if found else ', ...'}")
    return found[0]


def apply(settings: Settings, parties: Parties) -> int:
    """Give the passwords of the settings, and everybody who may log in exactly their rights; the number of changes.

    Who has no password gets no right either, so that a login that was revoked stays without. Raises AccessFailed.
    """
    namespace, given = settings.namespace, passwords(settings)
    with KafkaAccess(settings.kafka) as kafka:
        kafka.give_passwords(given)
        known = kafka.users() | given.keys()
        wanted = {login.name(namespace): rights_of(login, namespace) for login in parties.logins}
        # Portals and agencies that the pack no longer has keep their logins without any right.
        gone = {user: list[Right]() for user in known if user.startswith(f"{namespace}.") and user not in wanted}
        return kafka.set_rights({user: rights for user, rights in wanted.items() if user in known} | gone)


def issue(settings: Settings, login: Login) -> str:
    """A new password for a login, which has its rights from now on; a former password ends. Raises AccessFailed."""
    user, password = login.name(settings.namespace), secrets.token_urlsafe(32)
    with KafkaAccess(settings.kafka) as kafka:
        kafka.give_passwords({user: password})
        kafka.set_rights({user: rights_of(login, settings.namespace)})
    return password


def revoke(settings: Settings, login: Login) -> None:
    """Take away a login's rights and its password. Raises AccessFailed."""
    with KafkaAccess(settings.kafka) as kafka:
        kafka.remove(login.name(settings.namespace))


def differences(settings: Settings, parties: Parties) -> list[tuple[Login, str]]:
    """Each login with what is to be said of it: `no login`, `as the pack says`, or how many rights differ. Raises AccessFailed."""
    rows = []
    with KafkaAccess(settings.kafka) as kafka:
        known = kafka.users()
        for login in parties.logins:
            user = login.name(settings.namespace)
            wanted = set(rights_of(login, settings.namespace)) if user in known else set[Right]()
            differing = len(wanted ^ kafka.rights(user))
            said = f"{differing} rights differ; run `pakn access apply`" if differing else "as the pack says"
            rows.append((login, said if differing or user in known else "no login"))
    return rows


def kafka_acls(namespace: str, chosen: Iterable[Login]) -> list[str]:
    """The commands of Kafka's own tool that give these logins their rights."""
    lines = []
    for login in chosen:
        for right in rights_of(login, namespace):
            place = "--cluster" if right.resource == "cluster" else f"--{right.resource} '{right.name}'"
            pattern = " --resource-pattern-type prefixed" if right.pattern == "prefixed" else ""
            operation = "".join(part.capitalize() for part in right.operation.split("-"))
            who = f"--allow-principal 'User:{login.name(namespace)}'"
            lines.append(f"kafka-acls.sh --bootstrap-server BOOTSTRAP --add {who} --operation {operation} {place}{pattern}")
    return lines
