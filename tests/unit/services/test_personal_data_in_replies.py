"""Phone numbers, addresses and numbers of papers in a reply: its officer is told where they stand, and decides."""

from typing import Any
from unittest.mock import Mock

import pytest

import schemas
from pakn.engine.received import Received
from pakn.packs.load import Pack, load_pack
from schemas import AgencyAction, Envelope, Fact, MatterForwarded, MatterRecorded
from schemas.topics import TopicName
from services.intake import shown
from services.routing import domain
from services.routing.case import Case
from services.routing.decisions import cause_id
from services.routing.matters import forwardings
from services.routing.personal_data import found
from tests.support.packs import FOLDER, VN
from tests.unit.services.test_matters import NOW
from tests.unit.services.test_routing_domain import CAUSE, FEEDBACK_ID, action, case, refusal

REPLY = "Mời gặp anh Mẫu, điện thoại 0912 345 678, thư mau@example.org."
WITHOUT = "Mời đến bộ phận một cửa."
TITLE = "Gọi 0900000000 không ai nghe"
SILENT = VN.model_copy(update={"header": VN.header.model_copy(update={"personal_data": None})})


def matter(title: str = TITLE) -> MatterRecorded:
    return MatterRecorded(feedback_id=FEEDBACK_ID, code="PAKN.20260302.0001", title=title, content="Nội dung")


def act(current: Case, name: str, pack: Pack = VN, agency: str = "gia-lai", **more: Any) -> tuple[Case, list[Fact]]:
    return domain.act(pack, current, agency, action(name, **more), CAUSE)


def published(facts: list[Fact]) -> schemas.ReplyPublished:
    assert facts[0].name == "ReplyPublished"
    return schemas.ReplyPublished.model_validate_json(facts[0].data)


def test_the_officer_is_told_which_characters_of_which_text_look_like_what_and_nothing_is_taken() -> None:
    before = case("accepted", matter=matter())
    after, facts = act(before, "reply", reply=REPLY)
    refused = refusal(facts)
    assert after == before
    texts = {"reply": REPLY, "title": TITLE}
    assert [(row.field, row.kind, texts[row.field][row.start : row.end]) for row in refused.personal_data] == [
        ("reply", "phone", "0912 345 678"), ("reply", "email", "mau@example.org"), ("title", "phone", "0900000000"),
    ]  # fmt: skip
    assert [(fault.field, fault.code) for fault in refused.faults] == [
        ("reply", "personal_data"), ("reply", "personal_data"), ("title", "personal_data"),
    ]  # fmt: skip
    place = REPLY.index("0912") + 1
    assert f"characters {place} to {place + 11} look like a phone number" in refused.faults[0].message
    for secret in ("0912", "mau@", "0900000000"):
        assert secret not in facts[0].data, "a refusal is kept for ever, and repeats nothing"
    assert facts[0].topics == ("assignments.gia-lai",)


def test_a_program_that_knows_nothing_of_the_check_reads_a_refusal_as_it_always_was() -> None:
    """Version 1.0 of the contract: the names of the fields, a message, and a code that it treats like `invalid`."""
    _, facts = act(case("accepted"), "reply", reply=REPLY)
    assert facts[0].type == "pakn.ActionRefused.v1"
    assert {fault.field for fault in refusal(facts).faults} == {"reply"}
    after, facts = act(case("accepted"), "reply", reply=WITHOUT)
    assert (after.reply, facts[0].name) == (WITHOUT, "FeedbackReplied")


def test_the_officer_mends_the_reply_or_says_that_it_is_published_as_it_is() -> None:
    mended, _ = act(case("accepted"), "reply", actor="cb1", reply=WITHOUT)
    decided, facts = act(case("accepted"), "reply", actor="cb1", reply=REPLY, as_written=["reply"])
    assert facts[0].name == "FeedbackReplied"
    for current, reply in ((mended, WITHOUT), (decided, REPLY)):
        assert published(act(current, "publish")[1]).reply == reply


def test_a_title_alone_refuses_nothing_since_it_is_hidden_unless_an_officer_says_otherwise() -> None:
    """A program of version 1.0 could mend no title, and its reply would never be taken."""
    current, facts = act(case("accepted", matter=matter()), "reply", actor="cb1", reply=WITHOUT)
    assert facts[0].name == "FeedbackReplied"
    assert not published(act(current, "publish")[1]).title_as_written
    shown_as_it_is = published(act(current, "publish", as_written=["title"])[1])
    assert shown_as_it_is.title_as_written
    assert shown.view_changes("ReplyPublished", shown_as_it_is)["title_as_written"] is True, "intake follows"
    current, _ = act(case("accepted", matter=matter()), "reply", actor="cb1", reply=WITHOUT, as_written=["title"])
    assert published(act(current, "publish")[1]).title_as_written


def test_the_agency_is_told_with_the_matter_what_of_the_title_is_hidden() -> None:
    rows = {}
    for title in (TITLE, "Đèn hỏng"):
        current = case("assigned", matter=matter(title), forwarding={"cause": "c", "causation": "c", "at": NOW})
        (fact,) = forwardings(VN, current)
        rows[title] = [
            (row.field, row.kind, title[row.start : row.end])
            for row in MatterForwarded.model_validate_json(fact.data).personal_data
        ]
    assert rows == {TITLE: [("title", "phone", "0900000000")], "Đèn hỏng": []}


def test_what_was_entered_before_the_check_is_looked_at_before_it_is_published() -> None:
    entered = case("reply_to_check", reply=REPLY)
    after, facts = act(entered, "publish")
    assert (after, {row.field for row in refusal(facts).personal_data}) == (entered, {"reply"})
    assert published(act(entered, "publish", as_written=["reply"])[1]).reply == REPLY
    back, _ = act(entered, "send_back")
    assert act(back, "reply", reply=WITHOUT)[1][0].name == "FeedbackReplied"


def test_a_decision_holds_for_the_reply_that_it_was_made_about() -> None:
    decided, _ = act(case("accepted"), "reply", actor="cb1", reply=REPLY, as_written=["reply"])
    back, _ = act(decided, "send_back")
    assert back.as_written == ()
    assert refusal(act(back, "reply", reply=REPLY)[1]).personal_data
    moved = domain.begin_anew(VN, decided, "da-nang", "appeal", "Xem xét lại", CAUSE)[0]
    assert moved.as_written == ()


def test_another_agency_is_told_nothing_of_the_case_and_a_pack_without_kinds_asks_nothing() -> None:
    current = case("accepted", matter=matter())
    refused = refusal(act(current, "reply", agency="da-nang", reply=REPLY)[1])
    assert ([fault.field for fault in refused.faults], refused.personal_data) == (["feedback_id"], ())
    assert act(current, "reply", pack=SILENT, reply=REPLY)[1][0].name == "FeedbackReplied"
    assert found(VN, current, action("accept")) == ()


def test_public_numbers_of_agencies_need_no_decision() -> None:
    pack = load_pack(FOLDER)
    known = tuple(row.model_copy(update={"phone": "0912345678", "email": "mau@example.org"}) for row in pack.agencies)
    pack = pack.model_copy(update={"agencies": known})
    assert act(case("accepted"), "reply", pack=pack, reply=REPLY)[1][0].name == "FeedbackReplied"


def test_a_text_full_of_numbers_makes_no_endless_answer() -> None:
    _, facts = act(case("accepted"), "reply", reply="0912345678, " * 1600)
    assert len(refusal(facts).personal_data) == 20
    assert len(facts[0].data) < 10_000


@pytest.mark.parametrize("more", [{}, {"as_written": ()}])
def test_an_action_without_the_new_field_is_the_same_action_after_an_update(more: dict[str, Any]) -> None:
    """Else what comes again while a release is rolled out would be done twice, or refused."""
    said = {"action": "reply", "feedback_id": FEEDBACK_ID, "actor": "cb1", "reply": WITHOUT}

    def cause(**changes: Any) -> str:
        event = AgencyAction.model_validate(said | changes)
        envelope = Envelope("a-1", "pakn.AgencyAction.v1", "AgencyAction", "/gia-lai", NOW, "", "")
        return cause_id(Received(envelope, event, TopicName.parse("t.actions.gia-lai"), 0, 0, NOW, Mock()))

    # By what version 1.0 knew this action.
    assert cause(**more) == f"gia-lai/{FEEDBACK_ID}/reply/95753ece8f9b791d/a-1"
    assert cause(as_written=["reply"]) != cause()
