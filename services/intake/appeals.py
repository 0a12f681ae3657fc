"""Objections: whether a sender may object now, on what ground, and what an objection becomes. Pure."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from pakn.packs.models import Header, Objections
from schemas.values import AppealGround
from services.intake.feedback import Feedback

_WAITING = frozenset({"assigned", "accepted", "supplemented"})


def ground(rules: Objections | None, feedback: Feedback, now: datetime, today: date) -> AppealGround | None:
    """On what ground the sender may object at `now`, on the local day `today`; none where the pack or the case does not allow it.

    To a reply that the sender is not satisfied with, or to a reply that did not come until its last day.
    """
    if rules is None or feedback.is_erased or feedback.agency is None or len(feedback.appeals) >= rules.most:
        return None
    span = timedelta(days=rules.days)
    if feedback.state == "published" and feedback.satisfied is False and feedback.published_at is not None:
        return "not_satisfied" if "not_satisfied" in rules.grounds and now <= feedback.published_at + span else None
    is_late = feedback.due is not None and feedback.due.date < today <= feedback.due.date + span
    return "overdue" if feedback.state in _WAITING and is_late and "overdue" in rules.grounds else None


def ground_at(header: Header, feedback: Feedback, now: datetime) -> AppealGround | None:
    """On what ground the sender may object at `now`, by this pack; as `ground`, on the day in the pack's time zone."""
    return ground(header.objections, feedback, now, now.astimezone(ZoneInfo(header.timezone)).date())


def why_not(header: Header, feedback: Feedback) -> str:
    """Why no objection is taken."""
    if header.objections is None:
        return "Objections are not taken by this system."
    if feedback.is_erased:
        return "What was sent has been erased; send a new feedback."
    if len(feedback.appeals) >= header.objections.most:
        return "An objection was taken before, and no further one is."
    return (
        f"The feedback is {feedback.state}; an objection is taken within {header.objections.days} days after a reply that was"
        f" rated as not satisfying or after a last day that was missed, on these grounds: {', '.join(header.objections.grounds)}."
    )
