"""The answer to an agency whose record could not be read or decided on."""

from datetime import UTC, datetime

from pakn.engine.kafka import Record
from pakn.engine.turn import Received
from pakn.errors import GiveUp
from pakn.legal_time import LegalTime
from schemas import Fact, topics
from schemas.topics import TopicName
from schemas.values import Fault
from services.routing import domain
from services.routing.decisions import action_cause


class Refusals:
    """Answers an agency whose record was given up; the record itself goes to the dead letters as well."""

    def __init__(self, time: LegalTime) -> None:
        self._time = time

    def refuse(self, _received: Received | None, record: Record, reason: GiveUp) -> list[Fact]:
        """An ActionRefused in the agency's own topic; nothing for records of other topics."""
        _, family, agency = TopicName.parse(record.topic)
        if family != topics.ACTIONS:
            return []
        own_id = next((value.decode(errors="replace") for key, value in record.headers if key == "ce_id" and value), "")[:1000]
        cause_id = action_cause(agency, own_id or f"{record.partition}/{record.offset}")
        # The record's own time, so that a batch that comes again gives the same answer.
        time = self._time.at(datetime.fromtimestamp(record.timestamp / 1000, UTC))
        faults = list(reason.faults) or [Fault(field="record", code=reason.reason, message=str(reason)[:1000])]
        return [domain.refusal(domain.Cause(cause_id, time, own_id), "unknown", None, agency, faults)]
