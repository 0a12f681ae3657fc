"""The event catalogue: one file per event, `ls schemas/` is everything that can happen. Imports nothing else of the project.

`CATALOGUE` maps a CloudEvents type, `pakn.FeedbackRated.v1`, to its model; every event that is imported here is in it.
"""

from schemas.action_refused import ActionRefused as ActionRefused
from schemas.agency_action import AgencyAction as AgencyAction
from schemas.contact_recorded import ContactRecorded as ContactRecorded
from schemas.deadline_moved import DeadlineMoved as DeadlineMoved
from schemas.deadline_warning import DeadlineWarning as DeadlineWarning
from schemas.deadlines_changed import DeadlinesChanged as DeadlinesChanged
from schemas.envelope import Envelope as Envelope
from schemas.envelope import EnvelopeError as EnvelopeError
from schemas.envelope import Event as Event
from schemas.envelope import Fact as Fact
from schemas.envelope import derived_id as derived_id
from schemas.envelope import fact as fact
from schemas.envelope import parse_envelope as parse_envelope
from schemas.envelope import parse_record as parse_record
from schemas.envelope import readable_data as readable_data
from schemas.envelope import readable_id as readable_id
from schemas.envelope import readable_object as readable_object
from schemas.envelope import shown_id as shown_id
from schemas.feedback_accepted import FeedbackAccepted as FeedbackAccepted
from schemas.feedback_appealed import FeedbackAppealed as FeedbackAppealed
from schemas.feedback_assigned import FeedbackAssigned as FeedbackAssigned
from schemas.feedback_not_accepted import FeedbackNotAccepted as FeedbackNotAccepted
from schemas.feedback_overdue import FeedbackOverdue as FeedbackOverdue
from schemas.feedback_rated import FeedbackRated as FeedbackRated
from schemas.feedback_replied import FeedbackReplied as FeedbackReplied
from schemas.feedback_returned import FeedbackReturned as FeedbackReturned
from schemas.feedback_submitted import FeedbackSubmitted as FeedbackSubmitted
from schemas.feedback_supplemented import FeedbackSupplemented as FeedbackSupplemented
from schemas.feedback_transferred import FeedbackTransferred as FeedbackTransferred
from schemas.matter_forwarded import MatterForwarded as MatterForwarded
from schemas.matter_recorded import MatterRecorded as MatterRecorded
from schemas.more_requested import MoreRequested as MoreRequested
from schemas.notification_failed import NotificationFailed as NotificationFailed
from schemas.notification_sent import NotificationSent as NotificationSent
from schemas.overdue_withdrawn import OverdueWithdrawn as OverdueWithdrawn
from schemas.portal_objection import PortalObjection as PortalObjection
from schemas.portal_rating import PortalRating as PortalRating
from schemas.portal_submission import PortalSubmission as PortalSubmission
from schemas.portal_supplement import PortalSupplement as PortalSupplement
from schemas.reply_file import ReplyFile as ReplyFile
from schemas.reply_file_stored import ReplyFileStored as ReplyFileStored
from schemas.reply_published import ReplyPublished as ReplyPublished
from schemas.reply_sent_back import ReplySentBack as ReplySentBack
from schemas.sender_act_refused import SenderActRefused as SenderActRefused
from schemas.submission_progressed import SubmissionProgressed as SubmissionProgressed
from schemas.submission_refused import SubmissionRefused as SubmissionRefused
from schemas.submission_registered import SubmissionRegistered as SubmissionRegistered

# By CloudEvents type, so that two major versions of an event live side by side.
CATALOGUE: dict[str, type[Event | AgencyAction]] = {
    model.type_name(): model
    for model in [*globals().values()]
    if isinstance(model, type) and issubclass(model, Event | AgencyAction) and model is not Event
}
