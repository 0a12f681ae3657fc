"""What a portal hears of its own cases: each step that their senders see, in its outbox. Pure."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from pydantic import BaseModel

import schemas
from schemas import Fact, topics
from schemas.states import STATE_AFTER
from schemas.values import Attachment
from services.intake import shown
from services.intake.feedback import SOURCE, Feedback

# The portal has had the code already, and no step of a clock is shown.
TOLD = frozenset({name for name in shown.SHOWN if not shown.is_of_a_clock(name)} - {"FeedbackSubmitted"})
# What an officer wrote for the sender, by the fact that carries it to him; reasons inside the administration are none of it.
_WORDS = {
    "MoreRequested": {"question"},
    "ReplyPublished": {"reply", "document_number"},
    "FeedbackNotAccepted": {"reason", "right_channel"},
    "FeedbackAssigned": {"unit"},
    "FeedbackAccepted": {"unit"},
}


class PortalCase(NamedTuple):
    """A case of a portal: the feedback's id and code, and the portal's own id and reference. None of that ever changes.

    `files` are those that were stored for replies, `acts` the portal's own ids of its acts by the ids of their facts.
    """

    feedback_id: str
    code: str
    portal: str
    submission_id: str
    reference: str | None = None
    files: tuple[Attachment, ...] = ()
    acts: Mapping[str, str] = MappingProxyType({})


def case_of(feedback: Feedback) -> PortalCase | None:
    """The feedback as its portal knows it; none where no portal sent it."""
    if feedback.portal is None or feedback.submission_id is None:
        return None
    acts = {act.fact: act.own_id for act in feedback.portal_acts}
    own = (feedback.portal, feedback.submission_id, feedback.reference)
    return PortalCase(feedback.id, feedback.code, *own, feedback.reply_files, acts)


def news(case: PortalCase, name: str, event: BaseModel, fact_id: str, at: datetime) -> Fact | None:
    """What the portal hears of the lifecycle fact called `name`; none where there is nothing to tell.

    The same for the same fact, so that a portal knows a repetition by its id.
    """
    if name not in TOLD:
        return None
    if isinstance(event, schemas.FeedbackNotAccepted) and event.agency is None:
        return None  # That was in the answer to the submission.
    said = event.model_dump(include=_WORDS.get(name, set()))
    if isinstance(event, schemas.FeedbackTransferred):
        said["unit"] = event.to_unit
    if isinstance(event, schemas.ReplyPublished):
        said["attachments"] = shown.published(event, case.files)
    step = schemas.SubmissionProgressed(
        feedback_id=case.feedback_id,
        code=case.code,
        portal=case.portal,
        submission_id=case.submission_id,
        reference=case.reference,
        step=name,
        act_id=case.acts.get(fact_id),
        state=STATE_AFTER.get(name),
        agency=getattr(event, "to_agency", None) or getattr(event, "agency", None),
        happened_at=at,
        **said,
    )
    return schemas.fact(step, cause=fact_id, subject=case.feedback_id, time=at, source=SOURCE, topics=(topics.outbox(case.portal),))
