"""The agencies' door for files of replies: each is looked into and stored before the reply can name it."""

from collections.abc import Mapping
from typing import Any, Final

import schemas
from pakn.engine.received import GivenUp, Received, appended_at, place_of
from pakn.errors import GiveUp, TryAgain
from pakn.legal_time import LegalTime
from schemas import Fact, ReplyFile, topics
from schemas.states import CLOSED_STATES
from schemas.values import Fault, StoredFile, first_faults
from services.intake import attachments, fingerprints
from services.intake.feedback import SOURCE, Feedback, Recorded
from services.intake.feedback import ReplyFile as KeptFile
from services.intake.file_store import FileStore
from services.intake.inspection import Inspection
from services.intake.reception import Left
from services.intake.store import IntakeStore

NAME: Final = "ReplyFile"
MOST_FILES: Final = 20
"""Of one agency for one case, also those of replies that were sent back."""


class AgencyFiles:
    """Takes the files of replies; a file is known again by the agency's own id of it and its content."""

    def __init__(self, store: IntakeStore, inspection: Inspection, files: FileStore, time: LegalTime) -> None:
        self._store = store
        self._inspection = inspection
        self._files = files
        self._time = time

    async def take(self, received: Received, left: Left) -> tuple[list[Fact], bool]:
        """The facts to publish, and whether the file was taken before.

        Raises GiveUp with every fault, TryAgain where somebody else changed the case at this moment, and NotNow.
        """
        posted, agency = received.event, received.topic.party
        assert isinstance(posted, ReplyFile)
        feedback = (await self._store.load([posted.feedback_id])).get(posted.feedback_id)
        said = fingerprints.of(posted.model_dump_json().encode())
        act_id = schemas.derived_id(posted.feedback_id, f"{agency}/{received.envelope.id}/{NAME}/{said}")
        if feedback is not None and (known := next((row for row in feedback.history if row.cause == act_id), None)):
            return [*known.facts], True
        feedback = _of_agency(feedback, agency)
        files, faults = attachments.decode_inline(act_id, [posted])
        inspected = await self._inspection.inspect(files, feedback.id, agency, left)
        if faults or inspected.faults:
            raise GiveUp("invalid", faults=tuple(_of_one_file(fault) for fault in faults or inspected.faults))
        for file in inspected.files:
            if file.content is not None:
                await self._files.keep(file, feedback.id)
        (stored,) = attachments.describe(inspected.files)
        now = self._time.at(received.appended_at)
        event = schemas.ReplyFileStored(
            feedback_id=feedback.id,
            code=feedback.code,
            agency=agency,
            actor=posted.actor,
            action_id=received.envelope.id,
            file=StoredFile(**stored.model_dump(exclude={"name"})),
            stored_at=now,
        )
        made = {"cause": act_id, "causation": received.envelope.id, "subject": feedback.id}
        fact = schemas.fact(event, time=now, source=SOURCE, topics=(topics.FEEDBACK,), **made)
        kept = KeptFile(agency=agency, **stored.model_dump())
        fields = {"reply_files": (*feedback.reply_files, kept)}
        if not await self._store.amend(feedback, fields, Recorded(cause=act_id, facts=(fact,))):
            raise TryAgain(f"feedback {feedback.code} was changed at this moment")
        return [fact], False


def _of_agency(feedback: Feedback | None, agency: str) -> Feedback:
    """The feedback, if files of this agency are taken for it. Raises GiveUp.

    An agency may know that a case is its own before intake does. Routing, which decides, refuses a file of another agency.
    """
    if feedback is None or feedback.agency not in (agency, None):
        message = "no case with this id is assigned to you; if it has just become yours, post the file again"
        raise _invalid(Fault(field="feedback_id", code="not_your_case", message=message))
    if feedback.state in CLOSED_STATES:
        message = f"this case is {feedback.state}; files are taken until then"
        raise _invalid(Fault(field="feedback_id", code="not_in_this_state", message=message))
    if sum(file.agency == agency for file in feedback.reply_files) >= MOST_FILES:
        message = f"you have stored {MOST_FILES} files for this case already, and no more are taken"
        raise _invalid(Fault(field="feedback_id", code="case_is_full", message=message))
    return feedback


def _of_one_file(fault: Fault) -> Fault:
    """A fault of the only file: `attachments.0` is no field of the record."""
    return fault.model_copy(update={"field": "name" if fault.code.startswith("file_name") else "content_base64"})


def refusal(given_up: GivenUp, cause: str, time: LegalTime) -> Fact:
    """The answer to an agency whose record with a file was given up, in its own topic."""
    agency, now = given_up.topic.party, time.at(appended_at(given_up.record))
    event = schemas.ActionRefused(
        action_id=given_up.own_id,
        action="reply_file",
        feedback_id=_feedback_id(given_up.data),
        agency=agency,
        faults=first_faults(given_up.faults, "record"),
        record=place_of(given_up.record),
        refused_at=now,
    )
    to = (topics.assignments(agency),)
    shown = schemas.shown_id(given_up.own_id, place_of(given_up.record).text)
    made = {"cause": cause, "causation": shown, "subject": event.feedback_id or shown, "discriminator": given_up.place}
    return schemas.fact(event, time=now, source=SOURCE, topics=to, **made)


def _feedback_id(said: Mapping[str, Any]) -> str | None:
    found = said.get("feedback_id")
    return found if isinstance(found, str) and len(found) == 36 else None


def _invalid(fault: Fault) -> GiveUp:
    return GiveUp("invalid", faults=(fault,))
