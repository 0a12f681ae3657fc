"""Text is in Unicode's composed form behind every door, so that limits and names mean what people see."""

import codecs
import json
import re
import sys
import unicodedata
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

import schemas
from pakn.links import read_code
from pakn.packs.files import read_text
from schemas.portal_submission import InlineFile, PortalSubmission
from schemas.values import Attachment, Line, Text, composed, stream_safe
from services.intake import domain
from services.intake.doors import bodies
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


MARKS = "\u0315\u0300"


def test_any_number_of_accents_on_one_letter_is_composed() -> None:
    """Half a megabyte of them stopped intake for minutes: the library puts them into order, by the square of their number."""
    text = "a" + MARKS * 250_000
    found = composed(text)
    assert found.replace("\u034f", "").count("\u0315") == 250_000
    assert read_code(text) == text


@given(st.text(st.sampled_from("aệ \u0300\u0323\u0315\u200b,"), max_size=200))
def test_a_text_without_floods_of_accents_is_composed_as_the_standard_says(text: str) -> None:
    flood = re.search("[\u0300\u0323\u0315]{31}", unicodedata.normalize("NFKD", text))
    nothing = not text.isascii() and not text.strip(" \u0300\u0323\u0315\u200b")
    assert flood or composed(text) == ("" if nothing else unicodedata.normalize("NFC", text))
    assert composed(composed(text)) == composed(text)


def test_every_mark_that_is_put_into_order_is_looked_for() -> None:
    marks = [letter for letter in map(chr, range(sys.maxunicode + 1)) if unicodedata.combining(letter)]
    assert [mark for mark in marks if stream_safe(mark * 31) == mark * 31] == []


@pytest.mark.parametrize("text", ["\u200b\u200b", "\u3000", "\u2060 \u00ad"])
def test_a_title_that_nobody_sees_is_no_title(text: str) -> None:
    _, faults = domain.check(VN, GOOD | {"title": text})
    assert [fault.field for fault in faults] == ["title"]
