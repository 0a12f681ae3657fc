"""What the sender does after the submission: answer a question, rate the reply."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, StrictBool

import schemas
from pakn.legal_time import LegalTime
from schemas import topics
from schemas.values import Text
from services.intake import attachments, domain
from services.intake.domain import File
from services.intake.feedback import SOURCE, Feedback, Recorded, Supplemented
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


class SenderActs:
    """Takes the acts of senders; an act is known again by its id."""

    def __init__(self, store: IntakeStore, outbox: Outbox, time: LegalTime) -> None:
        self._store = store
        self._outbox = outbox
        self._time = time

    async def supplement(self, feedback: Feedback, act_id: str, act: Supplement, files: Sequence[File]) -> Taken:
        """Answer what the agency asked, with files that are in order and stored.

        Law: a supplemented feedback waits to be received again, and a new limit starts (Decision 766/QĐ-TTg's measure).
        """
        if feedback.has_recorded(act_id):
            return "id_reused" if feedback.is_asked else "taken"
        if not feedback.is_asked:
            return "not_now"
        described = attachments.describe(files)
        now = self._time.now()
        event = schemas.FeedbackSupplemented(
            feedback_id=feedback.id, code=feedback.code, number=len(feedback.supplements) + 1, supplemented_at=now
        )
        said = Supplemented(id=act_id, content=act.content, attachments=described, supplemented_at=now)
        fields = {
            "state": "supplemented",
            "attachments": (*feedback.attachments, *described),
            "supplements": (*feedback.supplements, said),
        }
        return await self._amend(feedback, act_id, event, now, fields)

    async def rate(self, feedback: Feedback, act_id: str, act: Rating) -> Taken:
        """Rate the published reply, once."""
        if feedback.has_recorded(act_id):
            return "taken"
        if feedback.state != "published" or feedback.satisfied is not None:
            return "not_now"
        now = self._time.now()
        event = schemas.FeedbackRated(feedback_id=feedback.id, code=feedback.code, satisfied=act.satisfied, rated_at=now)
        return await self._amend(feedback, act_id, event, now, {"satisfied": act.satisfied})

    async def confirm(self, feedback: Feedback, secret_key: str) -> Taken:
        """Note that the mail address is the sender's: letters of this feedback carry its words from now on.

        It says nothing of the next feedback with this address, which anybody may send.

        The contact is published anew, since its topic keeps only the last record of a feedback. What has been erased stays so.
        """
        act_id = schemas.derived_id(feedback.id, "confirmation")
        if not feedback.sender.email:
            return "not_now"
        if feedback.has_recorded(act_id):
            return "taken"
        contact = schemas.ContactRecorded(
            feedback_id=feedback.id,
            code=feedback.code,
            title=feedback.title or None,
            language=feedback.language,
            lookup_secret=domain.lookup_secret(secret_key, feedback.id),
            verified=True,
            **feedback.sender.model_dump(),
        )
        # An act of the sender's or of an officer's at this moment gives way: following the link again does it.
        return await self._amend(feedback, act_id, contact, self._time.now(), {}, topics.CONTACTS)

    async def _amend(
        self,
        feedback: Feedback,
        act_id: str,
        event: schemas.Event,
        now: datetime,
        fields: dict[str, Any],
        topic: str = topics.FEEDBACK,
    ) -> Taken:
        fact = schemas.fact(event, cause=act_id, subject=feedback.id, time=now, source=SOURCE, topics=(topic,))
        seq = self._outbox.take_places(1)
        try:
            recorded = Recorded(cause=act_id, facts=(fact,))
            done = await self._store.amend(feedback, fields, recorded, OutboxPlace(self._outbox.instance, seq))
        except BaseException:
            # A request that is cancelled must give its place back too: below an unsettled one nothing is ever swept.
            self._outbox.abandon(seq)
            raise
        # What the new place covers of the earlier history has been published: the case could not be in this state if
        # routing had not read it. The sweep, which cannot know, publishes all of a document.
        news = [fact, *feedback.model_copy(update=fields).matter] if "supplements" in fields else [fact]
        self._outbox.offer(Placed(seq, seq, news if done else []))
        return "taken" if done else "not_now"
