"""Routing's decisions: who is responsible, and every action of an agency in every state of a case."""

from datetime import UTC, datetime
from typing import Any, get_args

import pytest

import schemas
from schemas import AgencyAction, FeedbackSubmitted, derived_id
from schemas.states import STATE_AFTER, CaseState
from services.routing import domain
from services.routing.case import Case, Cause
from tests.support.examples import example
from tests.support.packs import VN

NOW = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
CAUSE = Cause("gia-lai/a-1", NOW, "a-1")
FEEDBACK_ID = derived_id("cause", "feedback")
STATES: tuple[CaseState, ...] = get_args(CaseState)
ACTIONS: dict[str, dict[str, Any]] = {
    "accept": {},
    "refuse": {"reason": "Không thuộc phạm vi"},
    "return": {"reason": "Không thuộc thẩm quyền"},
    "transfer": {"to_agency": "da-nang", "reason": "Thuộc Đà Nẵng"},
    "request_more": {"question": "Ở đâu?"},
    "reply": {"reply": "Đã sửa", "document_number": "12/UBND"},
    "send_back": {"reason": "Chưa đúng nội dung"},
    "publish": {},
}
# What the procedure allows, written down apart from the code; whatever is not here is refused.
BEFORE_REPLY = ("assigned", "accepted", "supplemented")
LAWFUL = {
    ("accept", "assigned"): "FeedbackAccepted",
    ("accept", "supplemented"): "FeedbackAccepted",
    **{("refuse", state): "FeedbackNotAccepted" for state in BEFORE_REPLY},
    **{("return", state): "FeedbackReturned" for state in BEFORE_REPLY},
    **{("transfer", state): "FeedbackTransferred" for state in BEFORE_REPLY},
    **{("request_more", state): "MoreRequested" for state in BEFORE_REPLY},
    **{("reply", state): "FeedbackReplied" for state in BEFORE_REPLY},
    ("send_back", "reply_to_check"): "ReplySentBack",
    ("publish", "reply_to_check"): "ReplyPublished",
}


def feedback(**more: Any) -> FeedbackSubmitted:
    fields = {"feedback_id": FEEDBACK_ID, "code": "PAKN.20260302.0001", "channel": "web", "category": "khac", "language": "vi"}
    return FeedbackSubmitted.model_validate(fields | {"submitted_at": NOW, "received_at": NOW} | more)


def case(state: CaseState = "assigned", **more: Any) -> Case:
    reply = {"reply": "Đã sửa", "reply_by": "cb1"} if state in ("reply_to_check", "published") else {}
    return Case.model_validate({"feedback": feedback(), "state": state, "agency": "gia-lai"} | reply | more)


def action(name: str, actor: str = "cb2", **more: Any) -> Any:
    return AgencyAction.model_validate({"action": name, "feedback_id": FEEDBACK_ID, "actor": actor} | ACTIONS[name] | more).root


def act(current: Case, name: str, agency: str = "gia-lai", **more: Any) -> tuple[Case, list[schemas.Fact]]:
    return domain.act(VN, current, agency, action(name, **more), CAUSE)


def refusal(facts: list[schemas.Fact]) -> schemas.ActionRefused:
    (fact,) = facts
    assert fact.name == "ActionRefused"
    return schemas.ActionRefused.model_validate_json(fact.data)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_is_a_fact_where_it_is_lawful_and_a_refusal_with_the_reason_where_not(name: str, state: CaseState) -> None:
    before = case(state)
    after, facts = act(before, name)
    expected = LAWFUL.get((name, state))
    if expected is None:
        refused = refusal(facts)
        assert after == before, "a refused action changes nothing"
        assert facts[0].topics == ("assignments.gia-lai",), "only the agency that acted is told"
        assert (refused.action_id, refused.action, refused.agency) == ("a-1", name, "gia-lai")
        assert "action" in {fault.field for fault in refused.faults}
        assert state in refused.faults[0].message
    else:
        assert facts[0].name == expected
        assert facts[0].subject == FEEDBACK_ID
        assert "feedback" in facts[0].topics
        moves = [fact for fact in facts if fact.name in STATE_AFTER]
        assert after.state == STATE_AFTER[moves[-1].name], "routing's state is the one that everybody derives from its facts"


def test_the_table_knows_every_action_and_every_state() -> None:
    assert set(domain.LAWFUL_IN) == set(ACTIONS)
    assert {(name, state) for name, states in domain.LAWFUL_IN.items() for state in states} == set(LAWFUL)


@pytest.mark.parametrize("name", ACTIONS)
@pytest.mark.parametrize("state", STATES)
def test_another_agencys_case_is_refused_and_not_described(name: str, state: CaseState) -> None:
    before = case(state)
    after, facts = act(before, name, agency="da-nang")
    refused = refusal(facts)
    assert after == before
    assert facts[0].topics == ("assignments.da-nang",)
    assert [fault.field for fault in refused.faults] == ["feedback_id"]
    assert {row.faults[0].message for row in (refused, refusal(act(case(), "accept", agency="hue")[1]))} == {
        refused.faults[0].message
    }, "the same words in every state"
    assert "gia-lai" not in facts[0].data


@pytest.mark.parametrize("name", ["publish", "send_back"])
def test_who_wrote_the_reply_cannot_check_it(name: str) -> None:
    for actor in ("cb1", "CB1"):
        _, facts = act(case("reply_to_check"), name, actor=actor)
        assert [fault.field for fault in refusal(facts).faults] == ["actor"]
    _, facts = act(case("reply_to_check"), name, actor="cb2")
    assert facts[0].name != "ActionRefused"


def test_after_a_reply_was_sent_back_the_check_is_against_who_wrote_the_new_one() -> None:
    current, _ = act(case("reply_to_check"), "send_back", actor="cb2")
    assert (current.state, current.reply) == ("accepted", None)
    current, _ = act(current, "reply", actor="cb2", reply="Đã sửa xong")
    _, facts = act(current, "publish", actor="cb2")
    assert refusal(facts).faults[0].field == "actor"
    _, facts = act(current, "publish", actor="cb1")
    assert schemas.ReplyPublished.model_validate_json(facts[0].data).reply == "Đã sửa xong"


def test_the_published_reply_is_the_checked_one() -> None:
    _, facts = act(case("reply_to_check", document_number="12/UBND"), "publish")
    published = schemas.ReplyPublished.model_validate_json(facts[0].data)
    assert (published.reply, published.document_number) == ("Đã sửa", "12/UBND")


def test_a_transfer_moves_the_case_and_both_agencies_are_told() -> None:
    current, facts = act(case("accepted", unit="Sở Xây dựng"), "transfer")
    assert (current.agency, current.state, current.unit) == ("da-nang", "assigned", None)
    assert {fact.name: fact.topics for fact in facts} == {
        "FeedbackTransferred": ("feedback", "assignments.gia-lai"),
        "FeedbackAssigned": ("feedback", "assignments.da-nang"),
    }
    assigned = schemas.FeedbackAssigned.model_validate_json(facts[1].data)
    assert (assigned.previous_agency, assigned.routing_rule) == ("gia-lai", "transfer")


def test_a_transfer_inside_the_agency_changes_the_unit_only() -> None:
    before = case("accepted", unit="Sở Xây dựng")
    after, facts = act(before, "transfer", to_agency="gia-lai", to_unit="Xã Ia Grai")
    assert [fact.name for fact in facts] == ["FeedbackTransferred"]
    assert after == before.model_copy(update={"unit": "Xã Ia Grai"})


@pytest.mark.parametrize(
    ("to", "field"),
    [
        ({"to_agency": "nobody"}, "to_agency"),
        ({"to_agency": "gia-lai"}, "to_unit"),
        ({"to_agency": "gia-lai", "to_unit": "Sở Xây dựng"}, "to_unit"),
        ({"to_agency": "binh-dinh"}, "to_unit"),  # ended; its successor is the agency itself
    ],
)
def test_a_transfer_to_nowhere_is_refused(to: dict[str, str], field: str) -> None:
    _, facts = act(case("accepted", unit="Sở Xây dựng"), "transfer", **to)
    assert [fault.field for fault in refusal(facts).faults] == [field]


def test_a_transfer_to_a_body_that_has_ended_reaches_its_successor() -> None:
    after, _ = act(case(), "transfer", to_agency="quang-nam")
    assert after.agency == "da-nang"


def test_a_returned_case_goes_to_the_coordinator_which_cannot_return_it() -> None:
    current, facts = act(case("accepted"), "return")
    assert (current.agency, current.state) == (VN.header.coordinator, "assigned")
    assert [fact.name for fact in facts] == ["FeedbackReturned", "FeedbackAssigned"]
    _, facts = act(current, "return", agency=VN.header.coordinator)
    assert [fault.field for fault in refusal(facts).faults] == ["action"]


def test_all_that_is_wrong_with_an_action_is_told_at_once() -> None:
    _, facts = act(case("published"), "transfer", to_agency="nobody")
    assert [fault.field for fault in refusal(facts).faults] == ["action", "to_agency"]


def test_the_first_rule_that_matches_wins() -> None:
    chosen = domain.choose_agency(VN, feedback(addressed_to="bo-y-te", province="gia-lai", level="ministry"))
    assert (chosen.agency, chosen.rule.id) == ("bo-y-te", VN.routing.rules[0].id)
    chosen = domain.choose_agency(VN, feedback(province="gia-lai", level="ministry"))
    assert chosen.rule.id == "cap-bo-quy-dinh", "the rule for ministries stands before the one by place"
    chosen = domain.choose_agency(VN, feedback(province="gia-lai"))
    assert (chosen.agency, chosen.rule.id) == ("gia-lai", "theo-dia-phuong")
    chosen = domain.choose_agency(VN, feedback(category="giai-phap-sang-kien"))
    assert chosen.agency == "bo-khoa-hoc-va-cong-nghe"
    chosen = domain.choose_agency(VN, feedback())
    assert (chosen.agency, chosen.rule.id) == ("van-phong-chinh-phu", VN.routing.rules[-1].id)


@pytest.mark.parametrize(
    ("addressed", "day", "agency"),
    [
        ("binh-dinh", datetime(2025, 6, 30, 16, 59, tzinfo=UTC), "binh-dinh"),  # 23:59 of its last day, local time
        ("binh-dinh", datetime(2025, 6, 30, 17, 0, tzinfo=UTC), "gia-lai"),
        ("bo-thong-tin-va-truyen-thong", NOW, "bo-khoa-hoc-va-cong-nghe"),
        ("thua-thien-hue", NOW, "hue"),
    ],
)
def test_a_body_that_has_ended_is_replaced_by_its_successor_by_the_local_day(addressed: str, day: datetime, agency: str) -> None:
    assert domain.choose_agency(VN, feedback(addressed_to=addressed, submitted_at=day)).agency == agency


def test_the_first_assignment_says_by_which_rule_and_why() -> None:
    current, facts = domain.assign_feedback(VN, feedback(province="gia-lai"), Cause("e-1", NOW))
    (fact,) = facts
    assigned = schemas.FeedbackAssigned.model_validate_json(fact.data)
    rule = next(row for row in VN.routing.rules if row.id == "theo-dia-phuong")
    assert (assigned.routing_rule, assigned.table_version, assigned.reason) == (rule.id, VN.routing.version, rule.reason)
    assert assigned.previous_agency is None
    assert fact.topics == ("feedback", "assignments.gia-lai")
    assert (current.state, current.agency) == ("assigned", "gia-lai")


@pytest.mark.parametrize("state", STATES)
def test_a_supplement_counts_only_while_more_is_asked_for(state: CaseState) -> None:
    event = schemas.FeedbackSupplemented(feedback_id=FEEDBACK_ID, code="PAKN.20260302.0001", number=1, supplemented_at=NOW)
    before = case(state)
    after, facts = domain.take_supplement(before, event, Cause("e-2", NOW))
    if state == "waiting_for_supplement":
        assert after.state == "supplemented"
        assert [(fact.name, fact.topics) for fact in facts] == [("FeedbackSupplemented", ("assignments.gia-lai",))]
    else:
        assert (after, facts) == (before, [])


def test_a_repeated_decision_gives_the_same_facts_and_another_cause_gives_others() -> None:
    for name in ACTIONS:
        one, same = act(case("accepted"), name)[1], act(case("accepted"), name)[1]
        other = domain.act(VN, case("accepted"), "gia-lai", action(name), Cause("gia-lai/a-2", NOW, "a-2"))[1]
        assert one == same
        assert not {fact.id for fact in one} & {fact.id for fact in other}


def test_a_reply_names_only_files_that_its_own_agency_has_stored() -> None:
    stored = example("ReplyFileStored").model_copy(update={"feedback_id": FEEDBACK_ID, "agency": "gia-lai"})
    assert isinstance(stored, schemas.ReplyFileStored)
    cause = Cause("a-file", NOW, stored.action_id)
    before, (told,) = domain.take_file(case("accepted"), stored, cause)
    assert told.topics == ("assignments.gia-lai",), "told by whoever decides on the reply that names it"
    assert domain.take_file(before, stored, cause) == (before, []), "once"
    of_another = stored.model_copy(update={"agency": "da-nang"})
    unchanged, answer = domain.take_file(case("accepted"), of_another, cause)
    assert unchanged == case("accepted")
    assert answer[0].topics == ("assignments.da-nang",)
    assert [fault.code for fault in refusal(answer).faults] == ["not_your_case"]
    replied, _ = act(before, "reply", actor="cb1", attachments=[stored.file.id])
    published, facts = act(replied, "publish")
    assert published.attachments == (stored.file,)
    assert schemas.ReplyPublished.model_validate_json(facts[0].data).attachments == (stored.file,)
    assert act(replied, "send_back")[0].attachments == ()
    elsewhere, _ = act(before, "transfer")
    _, refused = act(elsewhere, "reply", elsewhere.agency, attachments=[stored.file.id])
    assert "unknown_file" in [fault.code for fault in refusal(refused).faults], "whoever has the case after it"
    _, refused = act(case("accepted"), "reply", attachments=[stored.file.id])
    assert [fault.code for fault in refusal(refused).faults] == ["unknown_file"]
