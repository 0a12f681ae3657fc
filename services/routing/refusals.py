"""The answer to an agency whose record was given up."""

from pakn.engine.turn import GivenUp, appended_at
from pakn.legal_time import LegalTime
from schemas import Fact, topics
from services.routing import domain
from services.routing.decisions import action_cause


def refuse(time: LegalTime, given_up: GivenUp) -> list[Fact]:
    """An ActionRefused in the agency's own topic; nothing for records of other topics."""
    if given_up.topic.family != topics.ACTIONS:
        return []
    agency, at = given_up.topic.party, time.at(appended_at(given_up.record))
    cause = domain.Cause(action_cause(agency, given_up.own_id or given_up.place), at, given_up.own_id)
    return [domain.refusal(cause, "unknown", None, agency, list(given_up.faults))]
