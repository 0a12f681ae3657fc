"""Answers to the questions of a category: each fault at its place, and the words in which they were asked kept."""

from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.portal_submission import Submission
from services.intake import domain
from services.intake.doors.pages import questions
from tests.support.outside_world import GOOD
from tests.support.packs import VN

ASKING = "hanh-vi-can-bo-cong-chuc"
AT = datetime(2026, 11, 2, tzinfo=UTC)


def given(*rows: tuple[str, str], category: str = ASKING) -> dict[str, Any]:
    return GOOD | {"category": category, "answers": [{"question": question, "value": value} for question, value in rows]}


def faults(raw: dict[str, Any]) -> list[tuple[str, str]]:
    return [(fault.field, fault.code) for fault in domain.check(VN, raw)[1]]


def test_answers_in_order_are_taken_and_recorded_with_the_words_of_the_language() -> None:
    raw = given(("cach", "qua-mang"), ("ngay", "2026-10-01"), ("lan", "2.5")) | {"language": "en"}
    submission, found = domain.check(VN, raw)
    assert submission is not None, found
    arrival = domain.Arrival(raw, channel="web", cause="x", submission_id="x", id_field="x", received_at=AT)
    feedback = domain.register(VN, domain.draft(VN, arrival, submission, (), AT), "PAKN.20261102.0042", "secret")
    said = [(answer.asked, answer.value, answer.shown) for answer in feedback.answers]
    assert said == [("Which day?", "2026-10-01", None), ("How often?", "2.5", None), ("By which way?", "qua-mang", "Online")]
    (matter,) = feedback.matter
    assert "By which way?" in matter.data
    assert not any("By which way?" in fact.data for fact in feedback.history[0].facts), "the lifecycle is kept for ever"


@pytest.mark.parametrize(
    ("rows", "field", "code"),
    [
        ((("mau", "xanh"),), "answers.0.question", "unknown_question"),
        ((("ngay", "2026-10-01"), ("ngay", "2026-10-02")), "answers.1.question", "sent_twice"),
        ((("ngay", "01/10/2026"),), "answers.0.value", "bad_format"),
        ((("ngay", "2026-02-30"),), "answers.0.value", "bad_format"),
        ((("ngay", "20261001"),), "answers.0.value", "bad_format"),
        ((("lan", "ba"),), "answers.0.value", "bad_format"),
        ((("lan", "nan"),), "answers.0.value", "bad_format"),
        ((("lan", "101"),), "answers.0.value", "out_of_range"),
        ((("lan", "-1"),), "answers.0.value", "out_of_range"),
        ((("cach", "Trực tiếp"),), "answers.0.value", "not_one_of"),
    ],
)
def test_each_wrong_answer_is_named(rows: tuple[tuple[str, str], ...], field: str, code: str) -> None:
    assert faults(given(*rows)) == [(field, code)]


def test_another_category_takes_no_answers_and_a_required_question_is_missed() -> None:
    assert faults(given(("ngay", "2026-10-01"), category="khac")) == [("answers.0.question", "unknown_question")]
    first, *others = VN.categories
    required = first.model_copy(update={"questions": tuple(row.model_copy(update={"required": True}) for row in first.questions)})
    pack = VN.model_copy(update={"categories": (required, *others)})
    _, found = domain.check(pack, given(("lan", "1")))
    assert [(fault.field, fault.code) for fault in found] == [(f"answers.{id}", "missing") for id in ("ngay", "quay", "cach")]


def test_answers_of_a_wrong_shape_are_told_with_all_other_faults() -> None:
    raw = given() | {"answers": [{"question": "ngay"}, 5, {"question": "lan", "value": "x"}], "title": ""}
    assert {field for field, _ in faults(raw)} == {"answers.0.value", "answers.1", "answers.2.value", "title"}


def test_a_submission_without_answers_is_known_as_it_was_before_there_were_any() -> None:
    """The same submission that comes again after an update is no other one."""
    plain, empty = (Submission.model_validate(raw) for raw in (GOOD, GOOD | {"answers": [], "commune": None}))
    marks = [domain.fingerprints.of_submission(row, "vi", ()) for row in (plain, empty)]
    assert marks[0] == marks[1]
    assert marks[0] != domain.fingerprints.of_submission(Submission.model_validate(given(("lan", "1"))), "vi", ())


def test_a_form_takes_days_and_numbers_as_people_write_them() -> None:
    typed = {
        "category": ASKING,
        f"a.{ASKING}.ngay": "1/10/2026",
        f"a.{ASKING}.lan": "2,5",
        f"a.{ASKING}.quay": "  ",
        "a.khac.x": "y",
    }
    assert questions.answers(VN, typed) == [{"question": "ngay", "value": "2026-10-01"}, {"question": "lan", "value": "2.5"}]
    assert faults(GOOD | {"category": ASKING, "answers": questions.answers(VN, typed)}) == []
