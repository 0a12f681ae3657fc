"""Objections: whether a sender may object now, on what ground, and what an objection becomes. Pure."""

from datetime import date, datetime, timedelta

from pakn.packs.models import Objections
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
