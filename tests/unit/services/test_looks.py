"""Looks at personal data in words, whose address or number a sender's is, and what a proof of erasing holds."""

from datetime import UTC, datetime
from typing import get_args
from unittest.mock import Mock
from zoneinfo import ZoneInfo

import pytest

from services.intake import erasure, looks
from services.intake.doors.pages import story, words
from services.intake.doors.pages.words import Words
from services.intake.doors.tokens import Tokens
from services.intake.looks import Look
from tests.support.system import TOKEN_KEY, bearer

AT = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize("language", sorted(path.stem for path in words.FOLDER.glob("*.yaml")))
@pytest.mark.parametrize("what", get_args(looks.What))
@pytest.mark.parametrize("by", get_args(looks.By))
def test_each_look_has_words_in_each_language(language: str, what: looks.What, by: looks.By) -> None:
    agency = "gia-lai" if by == "agency" else None
    row = Look(at=AT, what=what, by=by, agency=agency, officer="cb1", file="file-1", command="erase", token_id="token-1")
    said = Words(language, ZoneInfo("Asia/Ho_Chi_Minh"))
    found = looks.shown("PAKN.20260302.0001", [row], 1, officers=False)
    (step,) = story.looks(said, found.looks, {"gia-lai": "UBND tỉnh Gia Lai"})
    assert step.at == AT
    assert f"looks.{what}" in said
    assert ("UBND tỉnh Gia Lai" in step.text) == (by == "agency")
    assert not [text for text in ("cb1", "file-1", "token-1", "{") if text in step.text]


def test_an_officer_is_named_only_where_the_pack_says_so() -> None:
    rows = [Look(at=AT, agency="gia-lai", officer="cb1", token_id="token-1")]
    hidden, named = (looks.shown("PAKN.20260302.0001", rows, 1, officers=officers).looks[0] for officers in (False, True))
    assert (hidden.officer, named.officer) == (None, "cb1")
    assert "token" not in hidden.model_dump_json()
    (step,) = story.looks(Words("en", ZoneInfo("UTC")), [named], {"gia-lai": "Gia Lai"})
    assert "Gia Lai (officer cb1)" in step.text


def test_a_token_may_name_the_officer_who_bears_it() -> None:
    tokens = Tokens([TOKEN_KEY], Mock())
    made = [f"Bearer {bearer('agency', 'gia-lai', officer=officer)}" for officer in ("cb1", None)]
    assert [tokens.read(sent, "agency", "files").officer for sent in made] == ["cb1", None]


@pytest.mark.parametrize(
    ("asked", "phone", "region", "same"),
    [
        ("0912345678", "091 234 5678", "VN", True),
        ("+84 912 345 678", "0912.345.678", "VN", True),
        ("0912345678", "0084912345678", "VN", True),
        ("0912345678", "0922345678", "VN", False),
        ("2345678", "0912345678", "VN", False),
        ("0912345678", "0912345678", None, True),
        ("0912345678", "1912345678", None, False),
    ],
)
def test_a_number_is_known_in_every_spelling_and_that_of_a_stranger_is_not(
    asked: str, phone: str, region: str | None, *, same: bool
) -> None:
    assert erasure.is_of(asked, {"phone": phone}, region) is same


def test_an_address_is_known_in_capital_letters_and_as_a_whole() -> None:
    assert erasure.is_of("Thu@Example.org", {"email": "thu@example.org"}, None)
    assert not erasure.is_of("thu@example.org", {"email": "thuthu@example.org"}, None)
    assert not erasure.is_of("thu@example.org", {"phone": "0912345678"}, None)
    assert erasure.query_of("thu.a@example.org") == {"sender.email": {"$regex": r"^thu\.a@example\.org$", "$options": "i"}}


@pytest.mark.parametrize("contact", ["", "123", "Nguyễn Văn Thử", "thu@", ".*", "12.34-56"])
def test_what_is_no_address_and_no_number_erases_nothing(contact: str) -> None:
    """A question that fits everybody would erase everybody."""
    with pytest.raises(ValueError):
        erasure.query_of(contact)


def test_the_hash_of_a_proof_stands_for_every_field_of_it() -> None:
    proof = erasure.Proof(code="PAKN.20260302.0001", feedback_id="one", erased=("details",), files=0, by="command", at=AT)
    changed = [{"code": "PAKN.20260302.0002"}, {"feedback_id": "two"}, {"erased": ("details", "matter")}, {"files": 1}]
    changed += [{"by": "retention"}, {"at": datetime(2026, 3, 3, tzinfo=UTC)}]
    assert {name for row in changed for name in row} == set(erasure.Proof.model_fields)
    assert len({proof.hash, *(proof.model_copy(update=row).hash for row in changed)}) == 7
