"""The words of the pages: the same in every language, and all that the templates ask for."""

import re
import string
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from schemas.fault_codes import FAULT_CODES
from schemas.states import STATE_AFTER
from schemas.values import Fault
from services.intake.doors.pages import faults, words
from services.intake.doors.pages.site import HERE
from services.intake.doors.pages.words import Words

LANGUAGES = sorted(path.stem for path in words.FOLDER.glob("*.yaml"))
SAID = {language: Words(language, ZoneInfo("Asia/Ho_Chi_Minh")) for language in LANGUAGES}
VALUES = {"title_max": 250, "content_max": 10_000, "max_files": 5, "max_bytes": "10 MB", "types": "PDF"}


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_language_has_the_same_texts_with_the_same_places_to_fill() -> None:
    """A text that one language lacks would be an error page for its readers alone."""
    first, *others = ({key: placeholders(text) for key, text in words.load(language).items()} for language in LANGUAGES)
    assert others
    for other in others:
        assert other == first


def test_templates_ask_for_texts_that_are_there() -> None:
    known = words.load("vi")
    asked = {
        key
        for path in (HERE / "templates").glob("*.j2")
        for key in re.findall(r"""\bt\(\s*["']([a-z_.A-Z0-9]+)["']\s*[,)]""", path.read_text())
    }
    assert len(asked) > 50
    assert asked <= set(known)


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_state_and_each_step_of_the_way_has_words(language: str) -> None:
    known = words.load(language)
    for name, state in STATE_AFTER.items():
        assert {f"steps.{name}", f"states.{state}", f"meaning.{state}"} <= set(known)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", sorted(FAULT_CODES))
def test_each_fault_can_be_told_in_each_language(language: str, code: str) -> None:
    """A fault without a text is told by one that fits all."""
    told = faults.show(SAID[language], [Fault(field="title", code=code, message="in English")], VALUES)
    assert len(told) == 1
    assert told[0].field == "title"
    assert "{" not in told[0].text
    assert "in English" not in told[0].text


def test_faults_stand_at_the_fields_of_the_form_and_files_are_named() -> None:
    found = [
        Fault(field="sender.email", code="bad_format", message="x"),
        Fault(field="attachments.1", code="file_empty", message="x"),
        Fault(field="attachments.0", code="file_protected", message="x"),
        Fault(field="place.description", code="too_long", message="x"),
    ]
    told = faults.show(SAID["en"], found, VALUES, ["a.pdf", "b.pdf"])
    assert [fault.field for fault in told] == ["email", "attachments", "place"]
    assert "name@example.org" in told[0].text
    assert told[1].text.index("b.pdf: The file is empty") < told[1].text.index("a.pdf: The file has a password")


def test_days_times_and_sizes_are_written_as_the_language_writes_them() -> None:
    at = datetime(2026, 11, 2, 1, 5, tzinfo=UTC)
    assert SAID["vi"].moment(at) == "08:05, ngày 02/11/2026"
    assert SAID["en"].moment(at) == "2 November 2026, 08:05"
    assert SAID["vi"].day(date(2026, 1, 5)) == "05/01/2026"
    assert (SAID["vi"].size(1_600_000), SAID["en"].size(10 * 1024 * 1024), SAID["en"].size(3)) == ("1,5 MB", "10 MB", "1 KB")
