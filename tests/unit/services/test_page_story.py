"""The way of a feedback as its page tells it: each step, and what the sender answered in it."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from schemas.values import Attachment
from services.intake.doors.pages import story
from services.intake.doors.pages.words import Words
from services.intake.shown import ShownFeedback, ShownSupplement, TimelineEntry

SAID = Words("vi", ZoneInfo("Asia/Ho_Chi_Minh"))
NOW = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)


def file(name: str) -> Attachment:
    return Attachment(id=f"id-{name}", name=name, size=3, media_type="application/pdf", sha256="0" * 64, scanned=True)


def answer(day: int, content: str, *files: Attachment) -> ShownSupplement:
    return ShownSupplement(content=content, attachments=list(files), supplemented_at=NOW + timedelta(days=day))


def case(*supplements: ShownSupplement, steps: dict[int, str]) -> ShownFeedback:
    """A feedback with these answers, and a step on each of these days, told some milliseconds later than kept."""
    return ShownFeedback(
        code="PAKN.20260302.0001",
        state="supplemented",
        category="khac",
        submitted_at=NOW,
        timeline=[TimelineEntry(type=type, at=NOW + timedelta(days=day, microseconds=700)) for day, type in steps.items()],
        attachments=[file("first"), *(file for row in supplements for file in row.attachments)],
        supplements=list(supplements) or None,
    )


def told(shown: ShownFeedback) -> list[tuple[str, str | None]]:
    return [(step.text, step.answer.content if step.answer else None) for step in story.steps(SAID, shown, {})]


ASKED, ANSWERED = "Cơ quan đề nghị bổ sung.", "Người gửi đã bổ sung."


def test_each_answer_stands_at_its_step_with_its_files() -> None:
    """The page said that the sender had answered, and the words and files were to be had as JSON alone."""
    second = answer(4, "Lần hai.", file("second"))
    steps = {1: "MoreRequested", 2: "FeedbackSupplemented", 3: "MoreRequested", 4: "FeedbackSupplemented"}
    shown = case(answer(2, "Lần một."), second, steps=steps)
    assert told(shown) == [(ASKED, None), (ANSWERED, "Lần một."), (ASKED, None), (ANSWERED, "Lần hai.")]
    (*_, last) = story.steps(SAID, shown, {})
    assert last.answer == second
    assert [row.name for row in story.first_files(shown)] == ["first"], "a file stands once, where it was sent"


def test_an_answer_whose_step_has_not_come_back_yet_is_shown_too() -> None:
    assert told(case(answer(2, "Đã rõ."), steps={1: "MoreRequested"})) == [(ASKED, None), (ANSWERED, "Đã rõ.")]


def test_an_answer_that_was_erased_leaves_its_step_and_a_later_one_does_not_take_its_place() -> None:
    steps = {2: "FeedbackSupplemented", 4: "FeedbackSupplemented"}
    assert told(case(answer(4, "Lần hai."), steps=steps)) == [(ANSWERED, None), (ANSWERED, "Lần hai.")]
    assert told(case(steps=steps)) == [(ANSWERED, None), (ANSWERED, None)]
