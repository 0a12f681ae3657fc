"""What the sender does after the submission: answer a question, rate the reply, object."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, Field, StrictBool

import schemas
from pakn.legal_time import LegalTime
from schemas import Fact, topics
from schemas.values import AppealGround, Attachment, Text
from services.intake import attachments, domain
from services.intake.domain import File
from services.intake.feedback import SOURCE, Appealed, Feedback, Recorded, Said, Supplemented
from services.intake.outbox import Outbox, Placed
from services.intake.store import IntakeStore, OutboxPlace

# Stored (now or before), not possible in this state, or an id that was used for the answer to an earlier question.
Taken = Literal["taken", "not_now", "id_reused"]


class Supplement(BaseModel, frozen=True, extra="forbid"):
    """The sender's answer to what the agency asked."""

    content: Text


class Rating(BaseModel, frozen=True, extra="forbid"):
    """Whether the sender is satisfied with the published reply."""

    satisfied: StrictBool
    remark: Text | None = Field(default=None, description="why, for the agency alone")


class Objection(BaseModel, frozen=True, extra="forbid"):
    """What the sender says against the reply, or against the delay."""

    content: Text


class Amendment(NamedTuple):
    """What an act of the sender's becomes: its fact, and the fields of `Feedback` that it changes, with their new values."""

    fact: Fact
    fields: dict[str, Any]

    def facts(self, feedback: Feedback) -> list[Fact]:
        """What is to be published of it, with the matter where that has changed; `feedback` is as it was before."""
        return [self.fact, *(feedback.model_copy(update=self.fields).matter if "last_said" in self.fields else ())]


class SenderActs:
    """Takes the acts of senders; an act is known again by its id."""

    def __init__(self, store: IntakeStore, outbox: Outbox, time: LegalTime) -> None:
        self._store = store
        self._outbox = outbox
        self._time = time

    async def supplement(self, feedback: Feedback, act_id: str, act: Supplement, files: Sequence[File]) -> Taken:
        """Answer what the agency asked, with files that are in order and stored."""
        if feedback.has_recorded(act_id):
            return "id_reused" if feedback.is_asked else "taken"
        if not feedback.is_asked:
            return "not_now"
        made = supplement(feedback, act_id, act.content, attachments.describe(files), self._time.now())
        return await self._amend(feedback, act_id, made)

    async def rate(self, feedback: Feedback, act_id: str, act: Rating) -> Taken:
        """Rate the published reply, once."""
        if feedback.has_recorded(act_id):
            return "taken"
        if not feedback.can_be_rated:
            return "not_now"
        return await self._amend(feedback, act_id, rating(feedback, act_id, act, self._time.now()))

    async def object(
        self, feedback: Feedback, act_id: str, ground: AppealGround | None, act: Objection, files: Sequence[File]
    ) -> Taken:
        """Object on this ground, with files that are in order and stored; without a ground it is not possible now."""
        if feedback.has_recorded(act_id):
            return "taken"
        if ground is None:
            return "not_now"
        made = objection(feedback, act_id, ground, act.content, attachments.describe(files), self._time.now())
        return await self._amend(feedback, act_id, made)

    async def hide_name(self, feedback: Feedback) -> None:
        """Take back that the name is shown beside the published reply. May be repeated. Raises PyMongoError.

        No fact says so: that a sender agreed is in no topic but the portal's own.
        """
        await self._store.hide_name(feedback.id)

    async def confirm(self, feedback: Feedback, secret_key: str) -> Taken:
        """Note that the mail address is the sender's: letters of this feedback carry its words from now on.

        It says nothing of the next feedback with this address, which anybody may send.

        The contact is published anew, since its topic keeps only the last record of a feedback. What has been erased stays so.
        """
        act_id = _confirmation(feedback)
        if not feedback.sender.email:
            return "not_now"
        if feedback.has_recorded(act_id):
            return "taken"
        made = self._contact(feedback, secret_key, act_id, confirmed=True, number=feedback.secret_number)
        # An act of the sender's or of an officer's at this moment gives way: following the link again does it.
        return await self._amend(feedback, act_id, made)

    async def renew(self, feedback: Feedback, secret_key: str) -> Feedback | None:
        """Give the sender a new look-up secret; the former one opens nothing from then on. None where it is not possible now.

        Later letters lead there by the new one. Not possible once the details are erased: the contact, which is published anew
        for those letters, stays erased. Not possible either before intake has read back what it published of the submission: the
        place of a later act stands for all that is before it.
        """
        if feedback.details_erased or not feedback.timeline:
            return None
        number = feedback.secret_number + 1
        act_id = schemas.derived_id(feedback.id, f"secret/{number}")
        made = self._contact(feedback, secret_key, act_id, confirmed=_is_confirmed(feedback), number=number)
        renewed = {"secret_number": number}
        taken = await self._amend(feedback, act_id, made._replace(fields=renewed)) == "taken"
        return feedback.model_copy(update=renewed) if taken else None

    def _contact(self, feedback: Feedback, secret_key: str, act_id: str, *, confirmed: bool, number: int) -> Amendment:
        now = self._time.now()
        contact = schemas.ContactRecorded(
            feedback_id=feedback.id,
            code=feedback.code,
            title=feedback.title or None,
            language=feedback.language,
            lookup_secret=domain.lookup_secret(secret_key, feedback.id, number),
            email_confirmed=confirmed,
            email_confirmation_token=None if confirmed else domain.confirmation_token(secret_key, feedback.id),
            **feedback.sender.model_dump(),
        )
        return Amendment(_fact(feedback, act_id, contact, now, topics.CONTACTS), {})

    async def _amend(self, feedback: Feedback, act_id: str, made: Amendment) -> Taken:
        seq = self._outbox.take_places(1)
        try:
            recorded = Recorded(cause=act_id, facts=(made.fact,))
            done = await self._store.amend(feedback, made.fields, recorded, OutboxPlace(self._outbox.instance, seq))
        except BaseException:
            # A request that is cancelled must give its place back too: below an unsettled one nothing is ever swept.
            self._outbox.abandon(seq)
            raise
        # What the new place covers of the earlier history has been published: the case could not be in this state if
        # routing had not read it. The sweep, which cannot know, publishes all of a document.
        self._outbox.offer(Placed(seq, seq, made.facts(feedback) if done else []))
        return "taken" if done else "not_now"


def _confirmation(feedback: Feedback) -> str:
    return schemas.derived_id(feedback.id, "confirmation")


def _is_confirmed(feedback: Feedback) -> bool:
    """Whether the address is the sender's, as the last contact said: by its portal, or since the link of a letter was followed."""
    facts = [fact for recorded in feedback.history for fact in recorded.facts if fact.type == schemas.ContactRecorded.type_name()]
    return bool(facts) and schemas.ContactRecorded.model_validate_json(facts[-1].data).email_confirmed


def supplement(feedback: Feedback, act_id: str, content: str, files: tuple[Attachment, ...], now: datetime) -> Amendment:
    """The answer to what the agency asked, with files that are in order and stored.

    Law: a supplemented feedback waits to be received again, and a new limit starts (Decision 766/QĐ-TTg's measure).
    """
    event = schemas.FeedbackSupplemented(
        feedback_id=feedback.id, code=feedback.code, number=len(feedback.supplements) + 1, supplemented_at=now
    )
    said = Supplemented(id=act_id, content=content, attachments=files, supplemented_at=now)
    fields = {
        "state": "supplemented",
        "attachments": (*feedback.attachments, *files),
        "supplements": (*feedback.supplements, said),
        "last_said": Said(id=act_id, at=now),
    }
    return Amendment(_fact(feedback, act_id, event, now), fields)


def rating(feedback: Feedback, act_id: str, act: Rating, now: datetime) -> Amendment:
    """What the sender thinks of the published reply; the words go with the matter, to the agency alone."""
    event = schemas.FeedbackRated(feedback_id=feedback.id, code=feedback.code, satisfied=act.satisfied, rated_at=now)
    words = {"remark": act.remark, "last_said": Said(id=act_id, at=now)} if act.remark and not feedback.is_erased else {}
    return Amendment(_fact(feedback, act_id, event, now), {"satisfied": act.satisfied} | words)


def objection(
    feedback: Feedback, act_id: str, ground: AppealGround, content: str, files: tuple[Attachment, ...], now: datetime
) -> Amendment:
    """The sender's objection: the case goes to another agency, whose reply may be rated anew."""
    assert feedback.agency is not None
    event = schemas.FeedbackAppealed(
        feedback_id=feedback.id,
        code=feedback.code,
        number=len(feedback.appeals) + 1,
        ground=ground,
        against=feedback.agency,
        appealed_at=now,
    )
    said = Appealed(id=act_id, content=content, attachments=files, appealed_at=now)
    fields = {
        "state": "appealed",
        "satisfied": None,
        "attachments": (*feedback.attachments, *files),
        "appeals": (*feedback.appeals, said),
        "last_said": Said(id=act_id, at=now),
    }
    return Amendment(_fact(feedback, act_id, event, now), fields)


def why_not_rated(feedback: Feedback) -> str:
    """Why no rating is taken."""
    if feedback.satisfied is not None and feedback.state == "published":
        return "This reply has been rated already; each reply is rated once."
    return "There is no published reply yet; a reply can be rated once it is published."


def why_not_asked(feedback: Feedback) -> str:
    """Why no supplement is taken, and what to do."""
    if feedback.is_erased:
        return "What was sent has been erased; send a new feedback."
    return f"The feedback is {feedback.state}; a supplement is taken while more is asked for."


def _fact(feedback: Feedback, act_id: str, event: schemas.Event, now: datetime, topic: str = topics.FEEDBACK) -> Fact:
    return schemas.fact(event, cause=act_id, subject=feedback.id, time=now, source=SOURCE, topics=(topic,))
