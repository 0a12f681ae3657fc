"""Text is in Unicode's composed form behind every door, so that limits and names mean what people see."""

import codecs
import json
import sys
import unicodedata
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

import schemas
from pakn.links import read_code
from pakn.packs.files import read_text
from schemas import composed
from schemas.composed import is_invisible, nfc, stream_safe
from schemas.portal_submission import InlineFile, PortalSubmission
from schemas.values import Attachment, Line, Text
from services.intake import domain
from services.intake.doors import bodies
from services.intake.files import names
from services.intake.sender_acts import Supplement
from tests.support.outside_world import GOOD
from tests.support.packs import VN

VISIBLE = "ệ" * 84
APART = unicodedata.normalize("NFD", VISIBLE)
NOW = datetime(2026, 3, 2, tzinfo=UTC)


def test_a_title_is_as_long_as_people_see_it() -> None:
    """84 letters, written apart, were "longer than 250 characters"."""
    assert len(APART) > VN.header.title_max
    for model in (PortalSubmission, schemas.portal_submission.Submission):
        submission, faults = domain.check(VN, GOOD | {"title": APART}, model)
        assert not faults
        assert submission is not None
        assert submission.title == VISIBLE
    _, faults = domain.check(VN, GOOD | {"title": APART, "category": 7})
    assert [fault.field for fault in faults] == ["category"], "also where the shape of another field is wrong"


def test_a_category_is_found_by_a_name_that_is_written_apart() -> None:
    category = VN.categories[0].model_copy(update={"aliases": ("Tiếng ồn",)})
    pack = VN.model_copy(update={"header": VN.header, "categories": (category,)})
    for typed in ("Tiếng ồn", unicodedata.normalize("NFD", "Tiếng ồn"), " Tiếng ồn "):
        assert domain.find_category(pack, typed) == category


def test_a_packs_texts_are_composed(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(APART, encoding="utf-8-sig")
    assert read_text(tmp_path, "x.yaml") == (VISIBLE, [])


@given(st.text(max_size=200))
def test_lines_and_texts_are_composed_and_reading_them_again_changes_nothing(text: str) -> None:
    for kind in (Line, Text):
        adapter: TypeAdapter[str] = TypeAdapter(kind)
        try:
            read = adapter.validate_python(text)
        except ValueError:
            continue
        assert unicodedata.is_normalized("NFC", read)
        assert adapter.validate_json(json.dumps(read)) == read
        assert adapter.validate_python(unicodedata.normalize("NFD", read)) == read


def test_files_acts_and_supplements_are_composed_too() -> None:
    size: dict[str, Any] = {"id": "1", "media_type": "x", "size": 1, "sha256": "0" * 64}
    assert Attachment(name=APART, **size).name == VISIBLE
    assert InlineFile(name=APART, content_base64="").name == VISIBLE
    assert Supplement(content=APART).content == VISIBLE
    action = {"action": "reply", "feedback_id": "0197f3c2-5b1e-7d40-9a66-3f2d8c1b7e05", "actor": "cb1", "reply": APART}
    assert schemas.AgencyAction.model_validate(action).root.reply == VISIBLE  # type: ignore[union-attr]


def test_a_byte_order_mark_before_json_by_http_is_passed_over() -> None:
    assert bodies.parse_object(codecs.BOM_UTF8 + b'{"content": "x"}') == {"content": "x"}
    assert bodies.parse_as(Supplement, codecs.BOM_UTF8 + b'{"content": "x"}').content == "x"


@pytest.mark.parametrize("name", ["PortalSubmission", "AgencyAction"])
def test_what_is_read_of_the_contracts_examples_is_composed_already(name: str) -> None:
    text = (Path(schemas.__file__).parent / "examples" / f"{name}.json").read_text()
    assert unicodedata.is_normalized("NFC", text)


def marks_in_order(text: str) -> list[int]:
    """How many marks stand beside each other, at each place, once a text is taken apart."""
    runs = [0]
    for letter in unicodedata.normalize("NFKD", text):
        runs.append(runs[-1] + 1 if unicodedata.combining(letter) else 0)
    return runs


def parts(text: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for letter, times in Counter(text).items():
        found += Counter({part: number * times for part, number in Counter(unicodedata.normalize("NFD", letter)).items()})
    return found


@pytest.mark.parametrize("marks", ["\u0315\u0300", "\u0f73", "\u0f81\u0f75", "\u0344\u0315", "\uff9e\u0300"])
def test_any_number_of_accents_on_one_letter_is_composed(marks: str) -> None:
    """Half a megabyte of them stopped intake for minutes: the library puts them into order, by the square of their number.

    Then the same came with marks that are in no order themselves and fall into two that are (U+0F73).
    """
    assert max(marks_in_order(stream_safe("a" + marks * 100))) <= 30
    text = "a" + marks * (200_000 // len(marks))
    assert parts(nfc(text)) - Counter({"\u034f": len(text)}) == parts(text), "none is lost"
    assert names.fault(names.tidy(text)) is None
    assert read_code(text) == text


@pytest.mark.parametrize("before", range(30))
def test_a_run_of_accents_is_found_wherever_it_begins(before: int) -> None:
    """Fourteen signs are the shortest run that can be too long: behind a letter of three marks each falls into two."""
    text = "a" * before + "\u1f82" + "\u0344" * 14
    assert max(marks_in_order(text)) == 31
    assert max(marks_in_order(stream_safe(text))) <= 30


def test_no_sign_is_taken_apart_twice_however_many_different_ones_a_text_has() -> None:
    """Three million signs for private use, each looked up anew, held up everybody's requests for half a minute."""
    private = range(0xF0000, 0x100000)
    letters = "".join(chr(number) for number in range(sys.maxunicode + 1) if unicodedata.decomposition(chr(number)))
    letters += "".join(map(chr, private))
    stream_safe(letters)
    before = composed._marks_of_parts.cache_info()
    stream_safe(letters)
    assert composed._marks_of_parts.cache_info().misses == before.misses


@pytest.mark.parametrize(("kind", "longest"), [(Line, 500), (Text, 20_000)])
def test_a_text_that_is_too_long_in_any_form_is_refused_as_such_and_none_that_is_not(kind: Any, longest: int) -> None:
    adapter: TypeAdapter[str] = TypeAdapter(kind)
    apart = unicodedata.normalize("NFD", "\u1f82")
    assert adapter.validate_python(f"  {apart * longest}{' ' * 5 * longest}") == "\u1f82" * longest
    # Spaces of other scripts go before anything is looked at: a megabyte of them took a third of a second.
    assert adapter.validate_python("\u3000" * 100 * longest + "ệ" + "\u00a0" * 100 * longest) == "ệ"
    for text in (apart * (longest + 1), "\ue000" * longest * 5, "ệ" * (longest + 1)):
        with pytest.raises(ValidationError, match=f"at most {longest} characters"):
            adapter.validate_python(text)


@given(st.text(st.sampled_from("aệ \u0300\u0323\u0315\u0344\u0f73\u1f82\uff9e\u200b,"), max_size=200))
def test_a_text_without_floods_of_accents_is_composed_as_the_standard_says(text: str) -> None:
    assert max(marks_in_order(stream_safe(text))) <= 30
    assert max(marks_in_order(text)) > 30 or nfc(text) == unicodedata.normalize("NFC", text)
    assert nfc(text).replace("\u034f", "") or not text
    assert nfc(nfc(text)) == nfc(text)


def test_every_mark_that_is_put_into_order_is_looked_for() -> None:
    letters = [chr(number) for number in range(sys.maxunicode + 1) if not 0xD800 <= number < 0xE000]
    marks = [letter for letter in letters if unicodedata.combining(unicodedata.normalize("NFKD", letter)[0])]
    assert len(marks) > 800
    assert [mark for mark in marks if stream_safe(mark * 31) == mark * 31] == []


@pytest.mark.parametrize(
    "text",
    [
        "\u200b\u200b",
        "\u3000",
        "\u2060 \u00ad",
        "\u3164",
        "\u115f\u1160",
        "\uffa0\u200b",
        "\u2800 \u2800",
        "\U0001d159",
        "\U000e0041",
    ],
)
def test_a_title_that_nobody_sees_is_no_title(text: str) -> None:
    """U+3164, by which people have names that nobody sees, counts as a letter."""
    _, faults = domain.check(VN, GOOD | {"title": text})
    assert [fault.field for fault in faults] == ["title"]
    assert names.fault(names.tidy(text)) == "the file has no name"
    assert names.fault(names.tidy(f"{text}.pdf")) is None


@pytest.mark.parametrize("text", ["한글", "ㅎ", "⠃", "𝅘", "ក", "x\u3164"])
def test_letters_beside_those_that_nobody_sees_are_seen(text: str) -> None:
    assert not is_invisible(text)
