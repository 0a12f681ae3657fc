"""Logins and rights as Kubernetes resources of Strimzi, whose operator keeps users itself.

The form is that of `KafkaUser` (kafka.strimzi.io/v1): SCRAM-SHA-512, simple authorization.
"""

import re
from collections.abc import Iterable
from typing import Any

import yaml

from pakn.operations.rights import Login, Right, rights_of

_TYPES = {"topic": "topic", "group": "group", "transactional-id": "transactionalId", "cluster": "cluster"}


def users(namespace: str, logins: Iterable[Login]) -> str:
    """One document of YAML for each login. `CLUSTER` stands where the name of the Kafka cluster belongs.

    Raises ValueError on a name that Kubernetes does not take.
    """
    return yaml.safe_dump_all((_user(namespace, login) for login in logins), sort_keys=False, allow_unicode=True)


def _user(namespace: str, login: Login) -> dict[str, Any]:
    name = login.name(namespace)
    if not re.fullmatch(r"[a-z0-9.-]+", name):
        raise ValueError(
            f"{name}: the name of a user is that of its resource, and Kubernetes takes lower-case letters, digits, . and -"
        )
    rights: dict[tuple[str, str, str], list[str]] = {}
    for right in rights_of(login, namespace):
        rights.setdefault((right.resource, right.name, right.pattern), []).append(_operation(right))
    acls = [{"resource": _resource(*place), "operations": operations} for place, operations in rights.items()]
    return {
        "apiVersion": "kafka.strimzi.io/v1",
        "kind": "KafkaUser",
        "metadata": {"name": name, "labels": {"strimzi.io/cluster": "CLUSTER"}},
        "spec": {
            "authentication": {"type": "scram-sha-512"},
            "authorization": {"type": "simple", "acls": acls},
        },
    }


def _operation(right: Right) -> str:
    return "".join(part.capitalize() for part in right.operation.split("-"))


def _resource(resource: str, name: str, pattern: str) -> dict[str, str]:
    found = {"type": _TYPES[resource]}
    return (
        found if resource == "cluster" else found | {"name": name, "patternType": "prefix" if pattern == "prefixed" else "literal"}
    )
