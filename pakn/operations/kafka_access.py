"""Makes the logins of Kafka what `rights` says: credentials (SCRAM-SHA-512) and access control lists.

aiokafka cannot change either, so this is done by kafka-python, whose calls wait: run them in a thread.
"""

import contextlib
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    KafkaAdminClient,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)
from kafka.errors import KafkaError

from pakn.engine.kafka_login import tls_context
from pakn.logins import KafkaSettings
from pakn.operations.rights import Operation, Pattern, Resource, Right

# It warns of each login without TLS, which the settings decide, and of brokers that it tries again.
logging.getLogger("kafka").setLevel(logging.ERROR)
_MECHANISM = ScramMechanism.SCRAM_SHA_512
_ANY_HOST = "*"
_TIMEOUT_MS = 30_000
_RESOURCES: Mapping[Resource, ResourceType] = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "transactional-id": ResourceType.TRANSACTIONAL_ID,
    "cluster": ResourceType.CLUSTER,
}
_OPERATIONS: Mapping[Operation, ACLOperation] = {
    "read": ACLOperation.READ,
    "write": ACLOperation.WRITE,
    "describe": ACLOperation.DESCRIBE,
    "describe-configs": ACLOperation.DESCRIBE_CONFIGS,
}
_PATTERNS: Mapping[Pattern, ACLResourcePatternType] = {
    "literal": ACLResourcePatternType.LITERAL,
    "prefixed": ACLResourcePatternType.PREFIXED,
}


class AccessFailed(OSError):
    """Kafka refused to change or to tell logins or rights; the text says which and why."""


class KafkaAccess:
    """A connection as a super user; use it in `with`, in a thread. Every method raises AccessFailed."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._options = _options(settings)

    def __enter__(self) -> "KafkaAccess":
        with _explained("the super user's login"):
            self._admin = KafkaAdminClient(**self._options)
        return self

    def __exit__(self, *_: object) -> None:
        self._admin.close()

    def users(self) -> set[str]:
        """The names of all users that have credentials."""
        with _explained("the list of users"):
            return set(self._admin.describe_user_scram_credentials())

    def give_passwords(self, passwords: Mapping[str, str]) -> None:
        """Let each of these users log in by this password, and by no former one."""
        self._alter([UserScramCredentialUpsertion(user, _MECHANISM, password) for user, password in passwords.items()])

    def remove(self, user: str) -> None:
        """Take away the rights of a user, which ends what its open connections may do, and then its password."""
        self.set_rights({user: []})
        if user in self.users():
            self._alter([UserScramCredentialDeletion(user, _MECHANISM)])

    def _alter(self, changes: Sequence[UserScramCredentialUpsertion | UserScramCredentialDeletion]) -> None:
        if not changes:
            return
        with _explained("logins"):
            answers = self._admin.alter_user_scram_credentials(changes)
        if refused := {user: why for user, why in answers.items() if why}:
            raise AccessFailed(f"Kafka refused logins: {refused}")

    def rights(self, user: str) -> set[Right]:
        """What a user may do now, as far as it is of the kinds that PAKN gives."""
        return {right for right in map(_right, self._acls(user)) if right is not None}

    def set_rights(self, wanted: Mapping[str, Iterable[Right]]) -> int:
        """Give each user exactly these rights, and return how many were added or taken away.

        What is missing is added before what is too much is taken away, so that nobody lacks a right in between.
        """
        new: list[ACL] = []
        old: list[ACL] = []
        for user, rights in wanted.items():
            goal = {_key(acl): acl for right in rights for acl in [_acl(user, right)]}
            found = {_key(acl): acl for acl in self._acls(user)}
            new += [acl for key, acl in goal.items() if key not in found]
            old += [acl for key, acl in found.items() if key not in goal]
        with _explained("rights"):
            failed = list(self._admin.create_acls(new)["failed"]) if new else []
            failed += [error for _, _, error in (self._admin.delete_acls(old) if old else []) if error.errno]
        if failed:
            raise AccessFailed(f"Kafka refused {len(failed)} changes of rights, the first with {failed[0].__name__}")
        return len(new) + len(old)

    def _acls(self, user: str) -> list[Any]:
        everything = ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY)
        with _explained(f"the rights of {user}"):
            found, _ = self._admin.describe_acls(
                ACLFilter(f"User:{user}", None, ACLOperation.ANY, ACLPermissionType.ANY, everything)
            )
        return list(found)


def _acl(user: str, right: Right) -> ACL:
    pattern = ResourcePattern(_RESOURCES[right.resource], right.name, _PATTERNS[right.pattern])
    return ACL(f"User:{user}", _ANY_HOST, _OPERATIONS[right.operation], ACLPermissionType.ALLOW, pattern)


def _key(acl: Any) -> tuple[Any, ...]:
    pattern = acl.resource_pattern
    place = (pattern.resource_type, pattern.resource_name, pattern.pattern_type)
    return (acl.principal, acl.host, acl.operation, acl.permission_type, *place)


def _right(acl: Any) -> Right | None:
    pattern = acl.resource_pattern
    resource = next((name for name, value in _RESOURCES.items() if value == pattern.resource_type), None)
    operation = next((name for name, value in _OPERATIONS.items() if value == acl.operation), None)
    kind = next((name for name, value in _PATTERNS.items() if value == pattern.pattern_type), None)
    return Right(resource, pattern.resource_name, operation, kind) if resource and operation and kind else None


def _options(settings: KafkaSettings) -> dict[str, Any]:
    options: dict[str, Any] = {
        "bootstrap_servers": settings.bootstrap.split(","),
        "security_protocol": settings.security_protocol,
        "request_timeout_ms": _TIMEOUT_MS,
    }
    if context := tls_context(settings):
        options["ssl_context"] = context
    if settings.security_protocol.startswith("SASL"):
        username, password = settings.plain_login()
        options |= {"sasl_mechanism": settings.mechanism, "sasl_plain_username": username, "sasl_plain_password": password}
    return options


@contextlib.contextmanager
def _explained(what: str) -> Iterator[None]:
    try:
        yield
    except (KafkaError, ValueError) as error:
        raise AccessFailed(f"Kafka refused {what}: {error or type(error).__name__}") from error
