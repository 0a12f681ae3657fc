"""Counts what came of the demo, from the topics, the databases, the mailbox and the SMS gateway, against what was sent in.

The demo's own counters are not used: a fact that was lost between two services shows
here as evidence in a store without a record in Kafka, or the reverse.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pakn.demo.mailbox import Mailbox
from pakn.demo.requests import DemoRequest
from pakn.operations.evidence import Evidence
from schemas import Envelope

# What notify stores by itself are letters.
_WITH_CASES = ("intake", "routing", "deadlines")
_ASSIGNED = {"FeedbackSubmitted", "FeedbackAssigned", "DeadlinesChanged"}
_ONCE = ("FeedbackSubmitted", "FeedbackRated", "ReplyPublished")
Report = dict[str, Any]
ByCase = dict[str, list[tuple[Envelope, dict[str, Any]]]]


def audit(
    requests: Sequence[DemoRequest],
    outcomes: Mapping[str, Mapping[str, Any]],
    evidence: Evidence,
    mailbox: Mailbox,
    texts: Mapping[str, int] | None = None,
) -> Report:
    """The report: figures, and a row for each request. `texts` has the copies of each text message at the gateway, by its id.

    What came in adds up: requests are refused or submitted; submitted ones are not accepted, assigned, or still unassigned;
    assigned ones are published, declined by an agency, or open. `lost` and `doubled` count findings, each of which is named
    in `findings`. `doors` counts the requests by the way that they came. `dead_letters_of_refused` are those that refused requests
    leave by design: one for each that a portal sent.
    """
    by_case: ByCase = defaultdict(list)
    for envelope, data in evidence.facts.values():
        by_case[envelope.subject].append((envelope, data))
    texts = texts or {}
    lost = [*_lost(requests, outcomes, evidence, by_case, mailbox), *_texts_lost(evidence, texts)]
    doubled = [*_doubled(outcomes, evidence, by_case, mailbox), *_texts_doubled(evidence, texts)]
    rows = [_row(request, outcomes.get(request.source, {}), by_case, evidence) for request in requests]
    registered = [row for row in rows if row["code"]]
    return {
        "doors": dict(Counter(request.door for request in requests)),
        "submitted": len(registered),
        "refused": sum(1 for row in rows if row["state"] == "refused"),
        "not_accepted": sum(row["state"] == "not_accepted" and not row["agency"] for row in registered),
        "assigned": dict(sorted(Counter(row["agency"] for row in registered if row["agency"]).items())),
        "declined": sum(row["state"] == "not_accepted" and bool(row["agency"]) for row in registered),
        "open": sum(row["state"] not in ("not_accepted", "published") and bool(row["agency"]) for row in registered),
        "unassigned": sum(row["state"] != "not_accepted" and not row["agency"] for row in registered),
        "warned": len({e.subject for e, _ in evidence.facts.values() if e.name == "DeadlineWarning"}),
        "overdue": len({e.subject for e, _ in evidence.facts.values() if e.name == "FeedbackOverdue"}),
        "published": sum(row["state"] == "published" for row in registered),
        "letters_sent": len(mailbox.counts),
        "texts_sent": len(texts),
        "dead_letters": len(evidence.dead_letters),
        "dead_letters_of_refused": sum(
            bool(request.portal) and "faults" in outcomes.get(request.source, {}) for request in requests
        ),
        "lost": len(lost),
        "doubled": len(doubled),
        "findings": [*lost, *doubled],
        "requests": rows,
    }


def _row(request: DemoRequest, outcome: Mapping[str, Any], by_case: ByCase, evidence: Evidence) -> Report:
    feedback_id = outcome.get("feedback_id", "")
    facts = by_case.get(feedback_id, [])
    assigned = min((data for e, data in facts if e.name == "FeedbackAssigned"), key=lambda data: data["assigned_at"], default=None)
    due = max(
        (clock for e, data in facts if e.name == "DeadlinesChanged" for clock in data["set"] if clock["rule"] == "handle_reply"),
        key=lambda clock: clock["started_at"],
        default=None,
    )
    published = next((data for e, data in facts if e.name == "ReplyPublished"), None)
    stored = evidence.stored["intake"].get(feedback_id)
    return {
        "source": request.source,
        "door": request.door,
        "code": outcome["code"] if "feedback_id" in outcome else None,
        "agency": assigned["agency"] if assigned else None,
        "owner": request.owner,
        "category": request.body.get("category"),
        "state": stored["state"] if stored else ("refused" if "faults" in outcome else "lost"),
        "submitted_at": stored["submitted_at"].isoformat() if stored else None,
        "due_at": due["due_at"] if due else None,
        "due_date": due["due_date"] if due else None,
        "published_at": published["published_at"] if published else None,
    }


def _lost(
    requests: Sequence[DemoRequest], outcomes: Mapping[str, Any], evidence: Evidence, by_case: ByCase, mailbox: Mailbox
) -> Iterator[str]:
    for request in requests:
        outcome = outcomes.get(request.source)
        if outcome is None or not ("feedback_id" in outcome or "faults" in outcome):
            yield f"lost: request {request.source} got no answer"
        elif "feedback_id" in outcome:
            names = {envelope.name for envelope, _ in by_case.get(outcome["feedback_id"], [])}
            wanted = _ASSIGNED if outcome["accepted"] else {"FeedbackNotAccepted"}
            yield from (f"lost: {name} of {outcome['code']}" for name in sorted(wanted - names))
            for service in _WITH_CASES if outcome["accepted"] else ("intake",):
                if outcome["feedback_id"] not in evidence.stored[service]:
                    yield f"lost: {outcome['code']} in the database of {service}"
            recorded = evidence.stored["intake"].get(outcome["feedback_id"], {}).get("channel")
            if outcome.get("channel", recorded) != recorded:
                yield f"lost: that {outcome['code']} came by {request.door}; intake has recorded {recorded}"
    for service in _WITH_CASES:
        for document in evidence.stored[service].values():
            for entry in (*document["history"], *document.get("timed", ())):
                for row in entry["facts"]:
                    if "feedback" in row["topics"] and row["id"] not in evidence.facts:
                        yield f"lost: {row['type']} of case {document['_id']}, decided by {service}, is not in Kafka"
    for envelope, _ in evidence.facts.values():
        if envelope.name == "FeedbackAssigned" and envelope.id not in evidence.assigned_in_agency_topic:
            yield f"lost: assignment {envelope.id} is not in its agency's topic"
    for case_id, document in evidence.stored["routing"].items():
        if (case_id, document.get("agency")) not in evidence.forwarded:
            yield f"lost: what the sender of case {case_id} wrote is not in the topic of the agency in charge"
    for letter in evidence.stored["notify"].values():
        if letter["state"] not in ("sent", "undeliverable"):
            yield f"lost: {_channel(letter)} letter {letter['moment']} of {letter['code']} is {letter['state']}"
    sent = sum(letter["state"] == "sent" and _channel(letter) == "email" for letter in evidence.stored["notify"].values())
    if sent > len(mailbox.counts):
        yield f"lost: {sent} letters were sent, {len(mailbox.counts)} are in the mailbox"


def _channel(letter: Mapping[str, Any]) -> str:
    return str(letter.get("channel", "email"))


def _texts(evidence: Evidence) -> dict[str, Any]:
    return {id: letter for id, letter in evidence.stored["notify"].items() if _channel(letter) == "sms"}


def _texts_lost(evidence: Evidence, texts: Mapping[str, int]) -> Iterator[str]:
    for id, letter in _texts(evidence).items():
        if letter["state"] == "sent" and id not in texts:
            yield f"lost: text {letter['moment']} of {letter['code']} was sent, and the gateway does not have it"


def _texts_doubled(evidence: Evidence, texts: Mapping[str, int]) -> Iterator[str]:
    known = _texts(evidence)
    for id, number in texts.items():
        if number > 1:
            yield f"doubled: text {id} arrived {number} times"
        if id not in known or known[id]["state"] != "sent":
            yield f"doubled: the gateway has a text {id} that notify has not sent"


def _doubled(outcomes: Mapping[str, Any], evidence: Evidence, by_case: ByCase, mailbox: Mailbox) -> Iterator[str]:
    codes = Counter(outcome["code"] for outcome in outcomes.values() if "feedback_id" in outcome)
    yield from (f"doubled: code {code} was given {number} times" for code, number in codes.items() if number > 1)
    known = {outcome.get("feedback_id") for outcome in outcomes.values()}
    for service in _WITH_CASES:
        unknown = evidence.stored[service].keys() - known
        yield from (f"doubled: {service} has a case {case_id} that nobody sent" for case_id in sorted(unknown))
    for case_id, facts in by_case.items():
        times = Counter(_identity(envelope, data) for envelope, data in facts)
        yield from (f"doubled: {what} of case {case_id}" for what, number in times.items() if what and number > 1)
    yield from (f"doubled: letter {id} arrived {number} times" for id, number in mailbox.counts.items() if number > 1)
    names = ("feedback_id", "moment", "cause")
    letters = Counter((*(letter[name] for name in names), _channel(letter)) for letter in evidence.stored["notify"].values())
    yield from (f"doubled: {key[3]} letter {key[1]} of case {key[0]}" for key, number in letters.items() if number > 1)


def _identity(envelope: Envelope, data: Mapping[str, Any]) -> str:
    """What may happen once in a case; empty for what may happen again."""
    if envelope.name in _ONCE:
        return envelope.name
    if envelope.name == "DeadlineWarning":
        return f"{envelope.name} {data['clock_id']} {data['days_before']}"
    if envelope.name == "FeedbackOverdue":
        return f"{envelope.name} {data['clock_id']} {data['times']}"
    if envelope.name == "DeadlinesChanged":
        return f"{envelope.name} {envelope.cause}"
    return ""
