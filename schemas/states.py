"""The states of a case and the fact that leads to each. Intake shows them, routing decides by them.

The Vietnamese names are those of the national system's measurement of Decision 766/QĐ-TTg.
"""

from typing import Annotated, Literal

from schemas.values import open_text

CaseState = Literal[
    "submitted",  # mới gửi
    "assigned",  # chờ tiếp nhận
    "accepted",  # đang xử lý
    "waiting_for_supplement",  # chờ bổ sung
    "supplemented",  # đã bổ sung, chờ tiếp nhận
    "reply_to_check",  # chờ công khai
    "published",  # đã công khai
    "not_accepted",  # từ chối tiếp nhận
    "appealed",  # đã kiến nghị xem xét lại, chờ chuyển
]
OpenState = Annotated[str, open_text("how far the case is", CaseState)]

STATE_AFTER: dict[str, CaseState] = {
    "FeedbackSubmitted": "submitted",
    "FeedbackAssigned": "assigned",
    "FeedbackAccepted": "accepted",
    "MoreRequested": "waiting_for_supplement",
    "FeedbackSupplemented": "supplemented",
    "FeedbackReplied": "reply_to_check",
    "ReplySentBack": "accepted",
    "ReplyPublished": "published",
    "FeedbackNotAccepted": "not_accepted",
    "FeedbackAppealed": "appealed",
}
CLOSED_STATES: frozenset[CaseState] = frozenset({"published", "not_accepted"})
