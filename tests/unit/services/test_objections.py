"""When a sender may object, and what becomes of it: another agency answers anew."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

import schemas
from pakn.packs.models import Objections
from schemas.states import CaseState
from services.intake import appeals, sender_acts
from services.intake.feedback import Due, Feedback
from services.routing import appeals as routing
from services.routing.case import Case, Cause
from tests.support.examples import example
from tests.support.packs import VN

AT = datetime(2026, 11, 2, 1, 12, tzinfo=UTC)
RULES = Objections(grounds=("not_satisfied", "overdue"), days=30, reason="Người gửi đề nghị xem xét lại.")
LAST_DAY = date(2026, 11, 20)


def feedback(**more: Any) -> Feedback:
    given: dict[str, Any] = {
        "id": "0197f3c2-5b1e-7d40-9a66-3f2d8c1b7e05", "code": "PAKN.20261102.0042", "state": "published", "category": "khac",
        "title": "Đèn hỏng", "content": "Ba bóng đèn", "language": "vi", "sender": {}, "submitter_type": "person",
        "attachments": (), "channel": "web", "submitted_at": AT, "received_at": AT, "fingerprint": "0" * 64, "agency": "da-nang",
        "published_at": AT, "satisfied": False, "due": Due(date=LAST_DAY, article="Điều 45", verified=False),
    }  # fmt: skip
    return Feedback.model_validate(given | more)


def ground(rules: Objections | None = RULES, days: int = 1, today: date = LAST_DAY, **more: Any) -> str | None:
    return appeals.ground(rules, feedback(**more), AT + timedelta(days=days), today)


def test_who_is_not_satisfied_may_object_for_as_long_as_the_pack_says() -> None:
    assert ground() == ground(days=30) == "not_satisfied"
    assert ground(days=31) is None
    for unsaid in (True, None):
        assert ground(satisfied=unsaid) is None


@pytest.mark.parametrize("state", ["assigned", "accepted", "supplemented"])
def test_who_waits_longer_than_the_last_day_may_object(state: CaseState) -> None:
    waiting: dict[str, Any] = {"state": state, "satisfied": None, "published_at": None}
    assert ground(today=LAST_DAY, **waiting) is None, "the last day counts in full"
    assert ground(today=LAST_DAY + timedelta(days=1), **waiting) == "overdue"
    assert ground(today=LAST_DAY + timedelta(days=31), **waiting) is None
    assert ground(today=LAST_DAY + timedelta(days=1), due=None, **{name: waiting[name] for name in waiting}) is None


def test_nobody_objects_where_the_pack_has_no_objections_or_not_on_this_ground_or_too_often() -> None:
    assert ground(None) is None
    assert ground(RULES.model_copy(update={"grounds": ("overdue",)})) is None
    once = sender_acts.objection(feedback(), "act", "not_satisfied", "Chưa sửa.", (), AT)
    again = feedback(appeals=once.fields["appeals"])
    assert appeals.ground(RULES, again, AT, LAST_DAY) is None
    assert appeals.ground(RULES.model_copy(update={"most": 2}), again, AT, LAST_DAY) == "not_satisfied"
    assert ground(title="") is None, "what was erased is not answered anew"


def test_the_words_of_an_objection_go_with_the_matter_and_the_reply_to_it_may_be_rated() -> None:
    made = sender_acts.objection(feedback(), "act", "not_satisfied", "Chưa sửa.", (), AT)
    fact, matter = made.facts(feedback())
    assert (fact.name, "Chưa sửa." in fact.data) == ("FeedbackAppealed", False)
    assert (matter.name, "Chưa sửa." in matter.data) == ("MatterRecorded", True)
    after = feedback().model_copy(update=made.fields)
    assert after.state == "appealed"
    assert after.model_copy(update={"state": "published"}).can_be_rated


@pytest.mark.parametrize(
    ("state", "said", "goes"),
    [
        ("published", "not_satisfied", True),
        ("accepted", "not_satisfied", False),
        ("accepted", "overdue", True),
        ("assigned", "overdue", True),
        ("reply_to_check", "overdue", False),
        ("published", "overdue", False),
        ("not_accepted", "not_satisfied", False),
    ],
)
def test_the_case_begins_anew_elsewhere_unless_the_objection_crossed_with_an_act(state: CaseState, said: str, goes: bool) -> None:
    event = example("FeedbackAppealed").model_copy(update={"ground": said})
    submitted = example("FeedbackSubmitted")
    assert isinstance(event, schemas.FeedbackAppealed)
    assert isinstance(submitted, schemas.FeedbackSubmitted)
    case = Case(feedback=submitted, state=state, agency="da-nang", unit="Phòng", reply="Đã sửa.", reply_by="cb1")
    pack = VN.model_copy(update={"header": VN.header.model_copy(update={"objections": RULES})})
    after, facts = routing.take_appeal(pack, case, event, Cause("cause", AT))
    if not goes:
        assert (after, facts) == (case, [])
        return
    assert (after.state, after.agency, after.reply, after.unit) == ("assigned", pack.header.coordinator, None, None)
    (fact,) = facts
    assigned = schemas.FeedbackAssigned.model_validate_json(fact.data)
    assert (assigned.routing_rule, assigned.previous_agency, assigned.agency) == ("appeal", "da-nang", pack.header.coordinator)
    no_objections = VN.model_copy(update={"header": VN.header.model_copy(update={"objections": None})})
    assert routing.take_appeal(no_objections, case, event, Cause("cause", AT)) == (case, [])
