"""Who may do what in Kafka: the logins of a deployment, and the rights of each. Nothing here speaks to Kafka.

The names of resources, operations and patterns are those of Kafka's authorizer.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from pakn.engine.kafka import group_name
from schemas import topics
from schemas.topics import SERVICES, ServiceName

Kind = Literal["service", "portal", "agency", "exporter", "operator"]
Resource = Literal["topic", "group", "transactional-id", "cluster"]
Operation = Literal["read", "write", "describe", "describe-configs"]
Pattern = Literal["literal", "prefixed"]
_CLUSTER = "kafka-cluster"


class Login(NamedTuple):
    """Somebody who connects. `id` is that of the pack for a portal or an agency; for all others it is their only name."""

    kind: Kind
    id: str

    def name(self, namespace: str) -> str:
        """The user name in Kafka: `pakn.intake`, `pakn.portal.cdvcqg`. The names of consumer groups begin with it."""
        return f"{namespace}.{self.kind}.{self.id}" if self.kind in ("portal", "agency") else f"{namespace}.{self.id}"


EXPORTER, OPERATOR = Login("exporter", "exporter"), Login("operator", "operator")
OWN = (*(Login("service", service) for service in SERVICES), EXPORTER, OPERATOR)
"""The deployment's own programs and people; each other login is somebody else's."""


@dataclass(frozen=True, order=True, slots=True)
class Right:
    """One thing that a login may do, as Kafka's authorizer keeps it; `name` holds the namespace."""

    resource: Resource
    name: str
    operation: Operation
    pattern: Pattern = "literal"


def logins(agencies: Iterable[str], portals: Iterable[str]) -> list[Login]:
    """Everybody who may connect to a deployment with these agencies and portals."""
    return [*OWN, *(Login("portal", id) for id in portals), *(Login("agency", id) for id in agencies)]


def rights_of(login: Login, namespace: str) -> list[Right]:
    """What a login may do: nothing that is not listed, sorted. Who may read or write a topic may describe it."""
    return sorted(set(_RIGHTS[login.kind](login, namespace)))


def _topic(namespace: str, topic: str, operation: Operation) -> Right:
    return Right("topic", f"{namespace}.{topic}", operation)


def _family(namespace: str, family: str, operation: Operation) -> Right:
    if family in topics.OF_PARTIES:
        # The dot ends the name of the family, so that no other begins with it.
        return Right("topic", f"{namespace}.{family}.", operation, "prefixed")
    return _topic(namespace, family, operation)


def _service(login: Login, namespace: str) -> list[Right]:
    service: ServiceName = login.id  # type: ignore[assignment]
    rights = [_family(namespace, family, "read") for family in topics.READS[service]]
    rights += [_family(namespace, family, "write") for family in topics.WRITES[service]]
    rights += [_topic(namespace, topics.dead(service), "write"), Right("group", group_name(namespace, service), "read")]
    if service == "deadlines":
        # Timers wait for what routing has not handled of an agency's actions. Whether anything but the mark of a transaction is
        # left there shows only when it is read.
        rights += [_family(namespace, topics.ACTIONS, "read"), Right("group", group_name(namespace, "routing"), "describe")]
    return rights


def _outsider(login: Login, namespace: str, reads: str, *writes: str) -> list[Right]:
    # With the dot: without it an agency `an` would have the groups of an agency `an-khe`.
    own = f"{login.name(namespace)}."
    return [
        _topic(namespace, reads, "read"),
        *(_topic(namespace, topic, "write") for topic in writes),
        Right("group", own, "read", "prefixed"),
        # Who writes in transactions must learn the state of its own.
        Right("transactional-id", own, "write", "prefixed"),
        Right("transactional-id", own, "describe", "prefixed"),
    ]


def _portal(login: Login, namespace: str) -> list[Right]:
    return _outsider(login, namespace, topics.outbox(login.id), topics.inbox(login.id))


def _agency(login: Login, namespace: str) -> list[Right]:
    return _outsider(login, namespace, topics.assignments(login.id), topics.actions(login.id), topics.files(login.id))


def _exporter(_login: Login, namespace: str) -> list[Right]:
    return [
        Right("cluster", _CLUSTER, "describe"),
        Right("topic", f"{namespace}.", "describe", "prefixed"),
        Right("group", f"{namespace}.", "describe", "prefixed"),
    ]


def _operator(login: Login, namespace: str) -> list[Right]:
    return [
        Right("topic", f"{namespace}.", "read", "prefixed"),
        Right("topic", f"{namespace}.", "describe-configs", "prefixed"),
        # Records that are skipped go to the dead letters, and the place behind them is committed for the service.
        _family(namespace, topics.DEAD, "write"),
        # Dead letters are posted again where they came from.
        *(_family(namespace, family, "write") for family in (topics.FEEDBACK, topics.INBOX, topics.ACTIONS, topics.FILES)),
        *(Right("group", group_name(namespace, service), "read") for service in SERVICES),
        Right("group", f"{login.name(namespace)}.", "read", "prefixed"),
    ]


_RIGHTS = {"service": _service, "portal": _portal, "agency": _agency, "exporter": _exporter, "operator": _operator}
