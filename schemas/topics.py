"""Every topic of a deployment: its name, what is in it, how long it is kept. `pakn/engine/kafka.py` creates and checks them.

Names stand without the deployment's namespace. One lifecycle topic holds all facts of all cases, keyed by feedback id,
so every consumer sees one case in one order.
"""

from collections.abc import Iterable
from dataclasses import dataclass

_DAY_MS = 24 * 60 * 60 * 1000
FEEDBACK = "feedback"
CONTACTS = "contacts"


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic. `spread` topics have the deployment's number of partitions, the others one; `retention_ms` -1 is for ever."""

    name: str
    events: tuple[str, ...]
    description: str
    spread: bool = False
    retention_ms: int = 90 * _DAY_MS
    compacted: bool = False
    broker_time: bool = False
    max_bytes: int = 8 * 1024 * 1024

    def config(self) -> dict[str, str]:
        """The Kafka topic configuration."""
        config = {
            "cleanup.policy": "compact" if self.compacted else "delete",
            "retention.ms": str(self.retention_ms),
            # A message holds up to five files of 10 MB only by HTTP; by Kafka it is bounded by this.
            "max.message.bytes": str(self.max_bytes),
        }
        if self.broker_time:
            # The broker's clock says when a message came in: nobody can send an answer "yesterday".
            config["message.timestamp.type"] = "LogAppendTime"
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
    "FeedbackReplied",
    "ReplySentBack",
    "ReplyPublished",
    "FeedbackRated",
    "DeadlineSet",
    "DeadlineWarning",
    "FeedbackOverdue",
    "DeadlineMoved",
    "OverdueWithdrawn",
    "DeadlineMet",
    "DeadlineCancelled",
    "NotificationSent",
    "NotificationFailed",
)
ASSIGNMENT_EVENTS = (
    "FeedbackAssigned",
    "FeedbackTransferred",
    "FeedbackSupplemented",
    "ReplySentBack",
    "DeadlineSet",
    "DeadlineWarning",
    "FeedbackOverdue",
    "DeadlineMoved",
    "OverdueWithdrawn",
    "ActionRefused",
)
SERVICES = ("intake", "routing", "deadlines", "notify")


def inbox(portal: str) -> str:
    """The topic in which `portal` posts submissions."""
    return f"inbox.{portal}"


def outbox(portal: str) -> str:
    """The topic in which intake answers `portal`."""
    return f"outbox.{portal}"


def assignments(agency: str) -> str:
    """The topic that `agency` consumes: its cases, its deadlines, its refused actions."""
    return f"assignments.{agency}"


def actions(agency: str) -> str:
    """The topic in which `agency` acts."""
    return f"actions.{agency}"


def dead(service: str) -> str:
    """The topic of the records that `service` could not handle, each with its reason."""
    return f"dead.{service}"


def all_topics(agencies: Iterable[str], portals: Iterable[str]) -> list[TopicSpec]:
    """Every topic that a deployment with these agencies and portals has."""
    specs = [
        TopicSpec(FEEDBACK, LIFECYCLE_EVENTS, "Every fact of every case, keyed by feedback id.", spread=True, retention_ms=-1),
        TopicSpec(
            CONTACTS,
            ("ContactRecorded",),
            "How to reach each sender; personal data; a tombstone erases.",
            spread=True,
            retention_ms=-1,
            compacted=True,
        ),
    ]
    for portal in portals:
        specs.append(TopicSpec(inbox(portal), ("PortalSubmission",), f"What the portal {portal} posts.", broker_time=True))
        specs.append(
            TopicSpec(outbox(portal), ("SubmissionRegistered", "SubmissionRefused"), f"The answers to the portal {portal}.")
        )
    for agency in agencies:
        specs.append(TopicSpec(assignments(agency), ASSIGNMENT_EVENTS, f"What the agency {agency} must know."))
        specs.append(TopicSpec(actions(agency), ("AgencyAction",), f"What the agency {agency} does.", broker_time=True))
    specs += [
        TopicSpec(
            dead(service),
            (),
            f"Records that {service} could not handle, with the reason in the headers.",
            retention_ms=180 * _DAY_MS,
            # Any record of another topic, with the reason on top.
            max_bytes=9 * 1024 * 1024,
        )
        for service in SERVICES
    ]
    return specs
