"""The portals' door for what their senders do later: a supplement, a rating, an objection, in cases that they sent."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import schemas
from pakn.engine.received import GivenUp, Received, appended_at, place_of
from pakn.errors import GiveUp, TryAgain
from pakn.legal_time import LegalTime
from pakn.packs.models import Header
from schemas import Fact, PortalObjection, PortalRating, PortalSupplement, topics
from schemas.portal_act import PortalAct
from schemas.values import Attachment, Fault, first_faults
from services.intake import appeals, attachments, domain, fingerprints, portal_news, sender_acts
from services.intake.feedback import SOURCE, Feedback, PortalsAct, Recorded
from services.intake.file_store import FileStore
from services.intake.inspection import Inspection
from services.intake.reception import Left
from services.intake.sender_acts import Amendment, Rating
from services.intake.store import IntakeStore

NAMES = frozenset({"PortalSupplement", "PortalRating", "PortalObjection"})
_LONGEST = 1000  # Characters of what is given back in an answer.


class PortalActs:
    """Takes the acts of senders that a portal hands on; an act is known again by the portal's own id and its content."""

    def __init__(self, header: Header, store: IntakeStore, inspection: Inspection, files: FileStore, time: LegalTime) -> None:
        self._header = header
        self._store = store
        self._inspection = inspection
        self._files = files
        self._time = time

    async def take(self, received: Received, left: Left) -> tuple[list[Fact], bool]:
        """The facts to publish, and whether the act was taken before.

        Raises GiveUp with every fault, TryAgain where somebody else changed the case at this moment, and NotNow.
        """
        act, portal = received.event, received.topic.party
        assert isinstance(act, PortalSupplement | PortalRating | PortalObjection)
        feedback = await self._find(portal, act)
        said = fingerprints.of(act.model_dump_json().encode())
        act_id = schemas.derived_id(feedback.id, f"{portal}/{received.envelope.id}/{received.envelope.name}/{said}")
        if known := next((row for row in feedback.history if row.cause == act_id), None):
            return _again(feedback, known), True
        match act:
            case PortalSupplement():
                amendment = await self._supplement(received, feedback, act, act_id, left)
            case PortalObjection():
                amendment = await self._objection(received, feedback, act, act_id, left)
            case PortalRating():
                amendment = self._rating(received, feedback, act, act_id)
        acts = (*feedback.portal_acts, PortalsAct(fact=amendment.fact.id, own_id=received.envelope.id))
        amendment.fields["portal_acts"] = acts
        recorded = Recorded(cause=act_id, facts=(amendment.fact,))
        if not await self._store.amend(feedback, amendment.fields, recorded):
            raise TryAgain(f"feedback {feedback.code} was changed at this moment")
        return amendment.facts(feedback), False

    async def _find(self, portal: str, act: PortalAct) -> Feedback:
        given = [name for name in ("code", "submission_id", "reference") if getattr(act, name) is not None]
        if not given:
            message = "is required and missing, unless submission_id or reference says which feedback is meant"
            raise _invalid(Fault(field="code", code="missing", message=message))
        id = domain.feedback_id(schemas.derived_id(portal, act.submission_id)) if act.submission_id else None
        found = await self._store.of_portal(portal, id, act.code, act.reference)
        field = given[0]
        if not found:
            raise _invalid(
                Fault(field=field, code="not_your_case", message=f"no feedback that you sent has this {' and this '.join(given)}")
            )
        if len(found) > 1:
            message = "several feedbacks that you sent have this reference; send the code or submission_id"
            raise _invalid(Fault(field=field, code="not_your_case", message=message))
        return found[0]

    async def _supplement(
        self, received: Received, feedback: Feedback, act: PortalSupplement, act_id: str, left: Left
    ) -> Amendment:
        if not feedback.is_asked:
            raise _invalid(Fault(field=_named(act), code="not_in_this_state", message=sender_acts.why_not_asked(feedback)))
        files = await self._kept(received, feedback, act, act_id, left)
        return sender_acts.supplement(feedback, act_id, act.content, files, self._at(received))

    async def _objection(self, received: Received, feedback: Feedback, act: PortalObjection, act_id: str, left: Left) -> Amendment:
        ground = appeals.ground_at(self._header, feedback, self._at(received))
        if ground is None:
            message = appeals.why_not(self._header, feedback)
            raise _invalid(Fault(field=_named(act), code="not_in_this_state", message=message))
        files = await self._kept(received, feedback, act, act_id, left)
        return sender_acts.objection(feedback, act_id, ground, act.content, files, self._at(received))

    async def _kept(
        self, received: Received, feedback: Feedback, act: PortalSupplement | PortalObjection, act_id: str, left: Left
    ) -> tuple[Attachment, ...]:
        """The files of an act, stored. Raises GiveUp with every fault of theirs, and NotNow."""
        files, faults = attachments.decode_inline(act_id, act.attachments)
        inspected = await self._inspection.inspect(files, feedback.id, received.topic.party, left)
        unreadable = {fault.field.rpartition(".")[0] for fault in faults}
        faults += [fault for fault in inspected.faults if fault.field not in unreadable]
        if faults:
            raise _invalid(*faults)
        for file in inspected.files:
            if file.content is not None:
                await self._files.keep(file, feedback.id)
        return attachments.describe(inspected.files)

    def _rating(self, received: Received, feedback: Feedback, act: PortalRating, act_id: str) -> Amendment:
        if not feedback.can_be_rated:
            raise _invalid(Fault(field=_named(act), code="not_in_this_state", message=sender_acts.why_not_rated(feedback)))
        return sender_acts.rating(feedback, act_id, Rating(satisfied=act.satisfied, remark=act.remark), self._at(received))

    def _at(self, received: Received) -> datetime:
        return self._time.at(received.appended_at)


def _again(feedback: Feedback, recorded: Recorded) -> list[Fact]:
    """The answer to an act that was taken before: what the portal was told, and nothing twice that is kept for ever."""
    case, shown = portal_news.case_of(feedback), {step.id for step in feedback.timeline}
    facts = [fact for fact in recorded.facts if fact.id not in shown]
    said = {row.id for row in feedback.supplements} | {row.id for row in feedback.appeals}
    facts += feedback.matter if recorded.cause in said else []
    for fact in recorded.facts:
        event = schemas.CATALOGUE[fact.type].model_validate_json(fact.data)
        if case and fact.id in shown and (told := portal_news.news(case, fact.name, event, fact.id, fact.time)):
            facts.append(told)
    return facts


def refusal(given_up: GivenUp, name: str, cause: str, time: LegalTime) -> Fact:
    """The answer to a portal whose act, an event called `name`, was given up."""
    portal, said, now = given_up.topic.party, given_up.data, time.at(appended_at(given_up.record))
    event = schemas.SenderActRefused(
        act_id=given_up.own_id,
        act=name,
        portal=portal,
        code=_text(said, "code"),
        submission_id=_text(said, "submission_id"),
        reference=_text(said, "reference"),
        faults=first_faults(given_up.faults, "record"),
        record=place_of(given_up.record),
        refused_at=now,
    )
    to = (topics.outbox(portal),)
    shown = schemas.shown_id(given_up.own_id, place_of(given_up.record).text)
    made = {"cause": cause, "causation": shown, "subject": shown, "discriminator": given_up.place}
    return schemas.fact(event, time=now, source=SOURCE, topics=to, **made)


def _named(act: PortalAct) -> str:
    """By which of its fields the act names its case."""
    return next(name for name in ("code", "submission_id", "reference") if getattr(act, name) is not None)


def _text(said: Mapping[str, Any], field: str) -> str | None:
    found = said.get(field)
    return found[:_LONGEST] if isinstance(found, str) else None


def _invalid(*faults: Fault) -> GiveUp:
    return GiveUp("invalid", faults=faults)
