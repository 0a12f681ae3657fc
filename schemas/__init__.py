"""The event catalogue: one file per event, `ls schemas/` is everything that can happen. Imports nothing else of the project.

`CATALOGUE` maps a CloudEvents type, `pakn.FeedbackRated.v1`, to its model.
"""

from schemas.action_refused import ActionRefused
from schemas.agency_action import AgencyAction
from schemas.contact_recorded import ContactRecorded
from schemas.deadline_cancelled import DeadlineCancelled
from schemas.deadline_met import DeadlineMet
from schemas.deadline_moved import DeadlineMoved
from schemas.deadline_set import DeadlineSet
from schemas.deadline_warning import DeadlineWarning
from schemas.envelope import Envelope, EnvelopeError, Event, Fact, derived_id, fact, parse_envelope
from schemas.feedback_accepted import FeedbackAccepted
from schemas.feedback_assigned import FeedbackAssigned
from schemas.feedback_not_accepted import FeedbackNotAccepted
from schemas.feedback_overdue import FeedbackOverdue
from schemas.feedback_rated import FeedbackRated
from schemas.feedback_replied import FeedbackReplied
from schemas.feedback_returned import FeedbackReturned
from schemas.feedback_submitted import FeedbackSubmitted
from schemas.feedback_supplemented import FeedbackSupplemented
from schemas.feedback_transferred import FeedbackTransferred
from schemas.more_requested import MoreRequested
from schemas.notification_failed import NotificationFailed
from schemas.notification_sent import NotificationSent
from schemas.overdue_withdrawn import OverdueWithdrawn
from schemas.portal_submission import PortalSubmission
from schemas.reply_published import ReplyPublished
from schemas.reply_sent_back import ReplySentBack
from schemas.submission_refused import SubmissionRefused
from schemas.submission_registered import SubmissionRegistered

__all__ = [
    "CATALOGUE",
    "ActionRefused",
    "AgencyAction",
    "ContactRecorded",
    "DeadlineCancelled",
    "DeadlineMet",
    "DeadlineMoved",
    "DeadlineSet",
    "DeadlineWarning",
    "Envelope",
    "EnvelopeError",
    "Event",
    "Fact",
    "FeedbackAccepted",
    "FeedbackAssigned",
    "FeedbackNotAccepted",
    "FeedbackOverdue",
    "FeedbackRated",
    "FeedbackReplied",
    "FeedbackReturned",
    "FeedbackSubmitted",
    "FeedbackSupplemented",
    "FeedbackTransferred",
    "MoreRequested",
    "NotificationFailed",
    "NotificationSent",
    "OverdueWithdrawn",
    "PortalSubmission",
    "ReplyPublished",
    "ReplySentBack",
    "SubmissionRefused",
    "SubmissionRegistered",
    "derived_id",
    "fact",
    "parse_envelope",
]

# By CloudEvents type, so that two major versions of an event live side by side.
CATALOGUE: dict[str, type[Event | AgencyAction]] = {
    model.type_name(): model
    for name, model in globals().copy().items()
    if name in __all__ and isinstance(model, type) and issubclass(model, Event | AgencyAction) and model is not Event
}
