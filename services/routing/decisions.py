"""What routing does with each event: the first assignment, the sender's supplement, the agencies' actions."""

import hashlib
import re

from pakn.engine.received import GivenUp, Received, Tombstone, appended_at, place_of
from pakn.errors import GiveUp
from pakn.legal_time import LegalTime
from pakn.packs.load import Pack
from schemas import (
    AgencyAction,
    Fact,
    FeedbackAppealed,
    FeedbackSubmitted,
    FeedbackSupplemented,
    MatterRecorded,
    ReplyFileStored,
    topics,
)
from services.routing import appeals, domain, matters
from services.routing.case import Case, Cause, EarlyMatter

_ID = re.compile(r"[0-9A-Fa-f-]{36}")
_READ = ("FeedbackSubmitted", "FeedbackSupplemented", "FeedbackAppealed", "MatterRecorded", "ReplyFileStored", "AgencyAction")
WANTED = frozenset({*_READ, Tombstone.__name__})
Known = Case | EarlyMatter


def cause_id(received: Received) -> str:
    """The id of a record that is unique in the whole system.

    Agencies choose the ids of their actions, so an action of another agency, case or content may have the same id without
    being a repetition.
    """
    if isinstance(received.event, AgencyAction):
        agency = received.topic.party
        action = received.event.root
        # A field that came later: without it an action is known by what it was known by before.
        later = {"as_written"} if not getattr(action, "as_written", ()) else None
        content = hashlib.sha256(action.model_dump_json(exclude=later).encode()).hexdigest()[:16]
        return _action_cause(agency, received.envelope.id, action.feedback_id, action.action, content)
    return received.envelope.id


def case_id(received: Received) -> str:
    """The id of the feedback that a record is about."""
    if isinstance(received.event, AgencyAction):
        return received.event.root.feedback_id
    return received.envelope.subject


class Decisions:
    """Decides one event of one case, by the pack's table and the law's order of steps."""

    def __init__(self, pack: Pack, time: LegalTime) -> None:
        self._pack = pack
        self._time = time

    def decide(self, known: Known | None, received: Received) -> tuple[Known | None, list[Fact]]:
        """The case after a record, and the facts that follow. Raises GiveUp for a supplement of an unknown case."""
        event, case = received.event, known if isinstance(known, Case) else None
        decided: Case | None
        facts: list[Fact] = []
        if isinstance(event, MatterRecorded | Tombstone):
            matter = event if isinstance(event, MatterRecorded) else None
            if case is None:
                return (known if known is None and matter is None else EarlyMatter(matter=matter)), []
            decided = matters.take_matter(case, matter) if matter else matters.forget_matter(case)
        else:
            decided, facts = self._decide(case, received)
            if decided is None:
                return known, facts
            if isinstance(known, EarlyMatter) and known.matter:
                decided = matters.take_matter(decided, known.matter)
        if decided != case:
            at = max((fact.time for fact in facts), default=received.envelope.time)
            decided = matters.forwarded(case, decided, cause_id(received), received.envelope.id, at)
            times = [fact.time for fact in facts] + ([decided.happened_at] if decided.happened_at else [])
            decided = decided.model_copy(update={"happened_at": max(times, default=None)})
            decided = domain.counted(decided, facts, cause_id(received))
        return decided, facts

    def _decide(self, case: Case | None, received: Received) -> tuple[Case | None, list[Fact]]:
        event = received.event
        if isinstance(event, AgencyAction):
            return self._act(case, received, event)
        cause = Cause(received.envelope.id, received.envelope.time)
        if isinstance(event, FeedbackSubmitted):
            # The same submission under another event id cannot open the case anew.
            return domain.assign_feedback(self._pack, event, cause) if case is None else (case, [])
        assert isinstance(event, FeedbackSupplemented | FeedbackAppealed | ReplyFileStored)
        if case is None:
            raise GiveUp("missing_case", f"{received.envelope.name} of feedback {event.code} came before it was submitted")
        if isinstance(event, FeedbackAppealed):
            return appeals.take_appeal(self._pack, case, event, cause)
        if isinstance(event, ReplyFileStored):
            own = Cause(cause.id, cause.time, event.action_id)
            return domain.take_file(case, event, own)
        return domain.take_supplement(case, event, cause)

    def _act(self, case: Case | None, received: Received, event: AgencyAction) -> tuple[Case | None, list[Fact]]:
        agency = received.topic.party
        # The broker's time counts, not the agency's, so that no answer can be dated back.
        at = self._time.at(received.appended_at)
        if case is not None and case.happened_at is not None:
            # The times of two brokers may differ by more than an agency needs to act. No action comes before what it answers.
            at = max(at, case.happened_at)
        cause = Cause(cause_id(received), at, received.envelope.id, place_of(received.record))
        if case is None:
            return None, [domain.refusal(cause, event.root.action, event.root.feedback_id, agency, [domain.NOT_YOURS])]
        return domain.act(self._pack, case, agency, event.root, cause)

    def refuse(self, given_up: GivenUp) -> list[Fact]:
        """The answer to an agency whose record was given up, in its own topic; none for records of other topics."""
        if given_up.topic.family != topics.ACTIONS:
            return []
        agency, at = given_up.topic.party, self._time.at(appended_at(given_up.record))
        own_id, place = given_up.own_id, place_of(given_up.record)
        cause = Cause(_action_cause(agency, own_id or given_up.place), at, own_id, place)
        return [domain.refusal(cause, *_asked(given_up), agency, list(given_up.faults))]


def _asked(given_up: GivenUp) -> tuple[str, str | None]:
    """What was asked for, and for which feedback, as far as the record can be read."""
    if given_up.received and isinstance(given_up.received.event, AgencyAction):
        action = given_up.received.event.root
        return action.action, action.feedback_id
    said = given_up.data
    name, feedback_id = said.get("action"), said.get("feedback_id")
    named = name if isinstance(name, str) and name in AgencyAction.tags else "unknown"
    return named, feedback_id if isinstance(feedback_id, str) and _ID.fullmatch(feedback_id) else None


def _action_cause(agency: str, action_id: str, *what: str) -> str:
    """The id under which the history of a case has an agency's action."""
    return "/".join((agency, *what, action_id))
