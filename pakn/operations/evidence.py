"""Everything that a deployment knows of its cases: what its topics hold, and what each service has stored."""

import json
from collections import Counter
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from pakn.engine import mongo
from pakn.engine.topic_reader import read_to_end
from pakn.settings import Settings
from schemas import Envelope, parse_envelope, topics
from schemas.topics import ServiceName, TopicName

_FAMILIES = (topics.FEEDBACK, topics.ASSIGNMENTS, topics.DEAD)
_COLLECTIONS: tuple[tuple[ServiceName, str], ...] = (
    ("intake", "feedbacks"),
    ("routing", "cases"),
    ("deadlines", "cases"),
    ("notify", "letters"),
)


@dataclass(slots=True)
class Evidence:
    """Facts of the lifecycle by id, ids of assignments in agencies' topics, matters there by case and agency, origins of dead
    letters, documents by service.
    """

    facts: dict[str, tuple[Envelope, dict[str, Any]]] = field(default_factory=dict)
    assigned_in_agency_topic: set[str] = field(default_factory=set)
    forwarded: set[tuple[str, str]] = field(default_factory=set)
    dead_letters: set[str] = field(default_factory=set)
    stored: dict[str, dict[str, Any]] = field(default_factory=dict)


async def read_evidence(settings: Settings) -> Evidence:
    """Read all topics of the namespace to their end, and the four databases."""
    evidence = Evidence()
    async with aclosing(read_to_end(settings, lambda name: name.family in _FAMILIES)) as records:
        async for record in records:
            _take(evidence, TopicName.parse(record.topic).family, record)
    if not evidence.facts:
        raise TimeoutError("the audit read no fact at all, so it cannot say what was lost; look at Kafka's log and play again")
    for service, collection in _COLLECTIONS:
        async with mongo.opened(settings, service) as database:
            evidence.stored[service] = {row["_id"]: row async for row in database[collection].find({})}
    return evidence


async def letters_waiting(client: mongo.Client, namespace: str) -> Counter[str]:
    """How many letters are queued, being sent, uncertain, or settled and not announced yet, read from notify's database."""
    letters = mongo.database(client, namespace, "notify")["letters"]
    found = Counter({state: await letters.count_documents({"state": state}) for state in ("queued", "sending", "uncertain")})
    return found + Counter({"to announce": await letters.count_documents({"announce": {"$gt": ""}})})


def _take(evidence: Evidence, family: str, record: Any) -> None:
    if family == topics.DEAD:
        evidence.dead_letters.add(next(value.decode() for key, value in record.headers if key == "origin"))
        return
    envelope = parse_envelope(record.headers)
    if family == topics.ASSIGNMENTS:
        if envelope.name == "FeedbackAssigned":
            evidence.assigned_in_agency_topic.add(envelope.id)
        elif envelope.name == "MatterForwarded":
            evidence.forwarded.add((envelope.subject, TopicName.parse(record.topic).party))
        return
    evidence.facts.setdefault(envelope.id, (envelope, json.loads(record.value)))
