"""Every topic of a deployment: its name, what is in it, who reads it, how long it is kept.

Names stand without the deployment's namespace. One lifecycle topic holds all facts of all cases, keyed by feedback id,
so every consumer sees one case in one order.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

_DAY_MS = 24 * 60 * 60 * 1000
MOST_RECORD_BYTES = 8 * 1024 * 1024
ServiceName = Literal["intake", "routing", "deadlines", "notify"]
SERVICES: tuple[ServiceName, ...] = get_args(ServiceName)
FEEDBACK, CONTACTS, MATTERS, INBOX, OUTBOX, ASSIGNMENTS, ACTIONS, FILES, DEAD = (
    "feedback", "contacts", "matters", "inbox", "outbox", "assignments", "actions", "files", "dead",
)  # fmt: skip
"""The families of topics."""
OF_PARTIES = frozenset({INBOX, OUTBOX, ASSIGNMENTS, ACTIONS, FILES, DEAD})
"""The families that have a topic for each portal, agency or service."""
COMPACTED = frozenset({CONTACTS, MATTERS})
"""The families of which the last record of each key is kept, until a record without a value (a tombstone) erases it."""

BROKER_TIMED = frozenset({INBOX, ACTIONS, FILES})
"""The families whose records have the broker's time: nobody can send an answer "yesterday"."""
BROKER_TIME = "message.timestamp.type=LogAppendTime"
"""The configuration of their topics that makes it so."""

READS: Mapping[ServiceName, tuple[str, ...]] = {
    "intake": (FEEDBACK, INBOX, FILES),
    "routing": (FEEDBACK, MATTERS, ACTIONS),
    "deadlines": (FEEDBACK,),
    "notify": (FEEDBACK, CONTACTS),
}
"""The families that each service consumes, in a group of its own. A service commits a record only after Kafka has acknowledged
every fact that follows from it, so committed offsets tell how far a service has come: deadlines relies on this for actions."""

WRITES: Mapping[ServiceName, tuple[str, ...]] = {
    "intake": (FEEDBACK, CONTACTS, MATTERS, INBOX, OUTBOX, ASSIGNMENTS),
    "routing": (FEEDBACK, ASSIGNMENTS),
    "deadlines": (FEEDBACK, ASSIGNMENTS),
    "notify": (FEEDBACK,),
}
"""The families that each service publishes to, beside the dead letters of its own. Intake posts for the portals that it asks."""


class TopicName(NamedTuple):
    """The parts of a topic's name in Kafka; `party` is the portal, agency or service of a topic that has one, otherwise empty."""

    namespace: str
    family: str
    party: str

    @classmethod
    def parse(cls, name: str) -> "TopicName":
        """The parts of `pakn.inbox.cdvcqg`, for example. A namespace holds no dot."""
        namespace, _, topic = name.partition(".")
        family, _, party = topic.partition(".")
        return cls(namespace, family, party)

    @property
    def topic(self) -> str:
        """The name without the namespace."""
        return f"{self.family}.{self.party}" if self.party else self.family


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic. `spread` topics have the deployment's number of partitions, the others one; `retention_ms` -1 is for ever."""

    name: str
    events: tuple[str, ...]
    description: str
    spread: bool = False
    retention_ms: int = 90 * _DAY_MS
    compacted: bool = False
    max_bytes: int = MOST_RECORD_BYTES

    def config(self, erased_ms: int = _DAY_MS) -> dict[str, str]:
        """The Kafka topic configuration; `erased_ms` is how long a compacted topic may keep what a tombstone has erased."""
        config = {
            "cleanup.policy": "compact" if self.compacted else "delete",
            "retention.ms": str(self.retention_ms),
            # A message holds up to five files of 10 MB only by HTTP; by Kafka it is bounded by this.
            "max.message.bytes": str(self.max_bytes),
        }
        if self.compacted:
            # What stands in the newest segment is not compacted, and older ones only when half of them is out of date.
            config |= {"segment.ms": str(erased_ms), "max.compaction.lag.ms": str(erased_ms)}
            # A service that was away for so long still learns what was erased.
            config["delete.retention.ms"] = str(90 * _DAY_MS)
        if self.name.partition(".")[0] in BROKER_TIMED:
            name, _, value = BROKER_TIME.partition("=")
            config[name] = value
        return config


LIFECYCLE_EVENTS = (
    "FeedbackSubmitted",
    "FeedbackNotAccepted",
    "FeedbackAssigned",
    "FeedbackAccepted",
    "FeedbackReturned",
    "FeedbackTransferred",
    "MoreRequested",
    "FeedbackSupplemented",
    "ReplyFileStored",
    "FeedbackReplied",
    "ReplySentBack",
    "ReplyPublished",
    "FeedbackRated",
    "FeedbackAppealed",
    "DeadlinesChanged",
    "DeadlineWarning",
    "FeedbackOverdue",
    "DeadlineMoved",
    "OverdueWithdrawn",
    "NotificationSent",
    "NotificationFailed",
)
ASSIGNMENT_EVENTS = (
    "FeedbackAssigned",
    "MatterForwarded",
    "FeedbackTransferred",
    "FeedbackSupplemented",
    "ReplyFileStored",
    "ReplySentBack",
    "DeadlinesChanged",
    "DeadlineWarning",
    "FeedbackOverdue",
    "DeadlineMoved",
    "OverdueWithdrawn",
    "ActionRefused",
)

EVENTS: Mapping[str, tuple[str, ...]] = {
    FEEDBACK: LIFECYCLE_EVENTS,
    CONTACTS: ("ContactRecorded",),
    MATTERS: ("MatterRecorded",),
    INBOX: ("PortalSubmission", "PortalSupplement", "PortalRating", "PortalObjection"),
    OUTBOX: ("SubmissionRegistered", "SubmissionProgressed", "SubmissionRefused", "SenderActRefused"),
    ASSIGNMENTS: ASSIGNMENT_EVENTS,
    ACTIONS: ("AgencyAction",),
    FILES: ("ReplyFile",),
    DEAD: (),
}
"""The events that a family of topics carries. A record of any other type is refused, whoever wrote it: a portal that could post
a published reply into its own topic would speak for every agency."""


def inbox(portal: str) -> str:
    """The topic in which `portal` posts submissions."""
    return f"{INBOX}.{portal}"


def outbox(portal: str) -> str:
    """The topic in which intake answers `portal`."""
    return f"{OUTBOX}.{portal}"


def assignments(agency: str) -> str:
    """The topic that `agency` consumes: its cases, its deadlines, its refused actions."""
    return f"{ASSIGNMENTS}.{agency}"


def actions(agency: str) -> str:
    """The topic in which `agency` acts."""
    return f"{ACTIONS}.{agency}"


def files(agency: str) -> str:
    """The topic in which `agency` posts the files of its replies."""
    return f"{FILES}.{agency}"


def dead(service: str) -> str:
    """The topic of the records that `service` could not handle, each with its reason."""
    return f"{DEAD}.{service}"


def reader_of(family: str) -> ServiceName:
    """The one service that consumes this family. Raises ValueError where none or several do."""
    (reader,) = (service for service, families in READS.items() if family in families)
    return reader


def read_by(service: ServiceName, agencies: Iterable[str], portals: Iterable[str]) -> list[str]:
    """The topics that `service` consumes in a deployment with these agencies and portals."""
    return [spec.name for spec in all_topics(agencies, portals) if spec.name.partition(".")[0] in READS[service]]


def all_topics(agencies: Iterable[str], portals: Iterable[str]) -> list[TopicSpec]:
    """Every topic that a deployment with these agencies and portals has."""
    specs = [
        TopicSpec(FEEDBACK, EVENTS[FEEDBACK], "Every fact of every case, keyed by feedback id.", spread=True, retention_ms=-1),
        TopicSpec(
            CONTACTS,
            EVENTS[CONTACTS],
            "How to reach each sender; personal data; a tombstone erases.",
            spread=True,
            retention_ms=-1,
            compacted=True,
        ),
        TopicSpec(
            MATTERS,
            EVENTS[MATTERS],
            "What each sender wrote, for routing alone; a tombstone erases.",
            spread=True,
            retention_ms=-1,
            compacted=True,
        ),
    ]
    for portal in portals:
        specs.append(TopicSpec(inbox(portal), EVENTS[INBOX], f"What the portal {portal} posts."))
        specs.append(TopicSpec(outbox(portal), EVENTS[OUTBOX], f"What the portal {portal} must know of its own cases."))
    for agency in agencies:
        specs.append(TopicSpec(assignments(agency), EVENTS[ASSIGNMENTS], f"What the agency {agency} must know."))
        specs.append(TopicSpec(actions(agency), EVENTS[ACTIONS], f"What the agency {agency} does."))
        specs.append(TopicSpec(files(agency), EVENTS[FILES], f"The files for replies of the agency {agency}."))
    specs += [
        TopicSpec(
            dead(service),
            EVENTS[DEAD],
            f"Records that {service} could not handle, with the reason in the headers.",
            retention_ms=180 * _DAY_MS,
            # Any record of another topic, with the reason on top.
            max_bytes=9 * 1024 * 1024,
        )
        for service in SERVICES
    ]
    return specs
