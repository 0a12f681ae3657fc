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


def rights_of(login: Login, namespace: str, specs: Iterable[topics.TopicSpec]) -> list[Right]:
    """What a login may do in a deployment with these topics: nothing that is not listed, sorted."""
    rights = set(_RIGHTS[login.kind](login, namespace, list(specs)))
    # Who may read or write may describe; Kafka implies it, and saying it twice would differ from what it lists.
    return sorted(rights)


def _topic(namespace: str, topic: str, *operations: Operation) -> list[Right]:
    return [Right("topic", f"{namespace}.{topic}", operation) for operation in operations]


def _families(namespace: str, specs: list[topics.TopicSpec], families: Iterable[str], operation: Operation) -> list[Right]:
    wanted = frozenset(families)
    return [Right("topic", f"{namespace}.{spec.name}", operation) for spec in specs if spec.name.partition(".")[0] in wanted]


def _service(login: Login, namespace: str, specs: list[topics.TopicSpec]) -> list[Right]:
    service: ServiceName = login.id  # type: ignore[assignment]
    rights = _families(namespace, specs, topics.READS[service], "read")
    rights += _families(namespace, specs, topics.WRITES[service], "write")
    rights += _topic(namespace, topics.dead(service), "write")
    rights.append(Right("group", group_name(namespace, service), "read"))
    if service == "deadlines":
        # Timers wait for what routing has not handled of an agency's actions. Whether anything but the mark of a transaction is
        # left there shows only when it is read.
        rights += _families(namespace, specs, [topics.ACTIONS], "read")
        rights.append(Right("group", group_name(namespace, "routing"), "describe"))
    return rights


def _outsider(login: Login, namespace: str, reads: Iterable[str], writes: Iterable[str]) -> list[Right]:
    rights = [right for topic in reads for right in _topic(namespace, topic, "read")]
    rights += [right for topic in writes for right in _topic(namespace, topic, "write")]
    # With the dot: without it an agency `an` would have the groups of an agency `an-khe`.
    own = f"{login.name(namespace)}."
    # Who writes in transactions must read the state of its own.
    rights += [Right("transactional-id", own, operation, "prefixed") for operation in ("write", "describe")]
    return [*rights, Right("group", own, "read", "prefixed")]


def _portal(login: Login, namespace: str, _specs: list[topics.TopicSpec]) -> list[Right]:
    return _outsider(login, namespace, [topics.outbox(login.id)], [topics.inbox(login.id)])


def _agency(login: Login, namespace: str, _specs: list[topics.TopicSpec]) -> list[Right]:
    return _outsider(login, namespace, [topics.assignments(login.id)], [topics.actions(login.id), topics.files(login.id)])


def _exporter(_login: Login, namespace: str, _specs: list[topics.TopicSpec]) -> list[Right]:
    return [
        Right("cluster", _CLUSTER, "describe"),
        Right("topic", f"{namespace}.", "describe", "prefixed"),
        Right("group", f"{namespace}.", "describe", "prefixed"),
    ]


def _operator(login: Login, namespace: str, specs: list[topics.TopicSpec]) -> list[Right]:
    own = f"{login.name(namespace)}."
    return [
        Right("topic", f"{namespace}.", "read", "prefixed"),
        Right("topic", f"{namespace}.", "describe-configs", "prefixed"),
        # Records that are skipped go to the dead letters, and the place behind them is committed for the service.
        *_families(namespace, specs, [topics.DEAD], "write"),
        *(Right("group", group_name(namespace, service), "read") for service in SERVICES),
        Right("group", own, "read", "prefixed"),
    ]


_RIGHTS = {"service": _service, "portal": _portal, "agency": _agency, "exporter": _exporter, "operator": _operator}
