"""The names of senders: how much of one is shown, and that a search says no more than that."""

import unicodedata
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pakn.packs.personal_data import SenderNames
from services.intake import known_values, names
from tests.support.packs import VN

FAMILY = SenderNames(example="Nguyễn Văn Anh", whole="first", others="{letter}.")
INITIALS = SenderNames(example="Nguyễn Văn Anh", whole="none", others="{letter}***")
NAMES = st.lists(st.sampled_from(["Nguyễn", "Văn", "Đức", "Ánh", "Trần", "Thị", "O'Neil", "Ngô"]), min_size=1, max_size=5)


def finds(mask: SenderNames, name: str, asked: str) -> bool:
    """Whether a search for `asked` finds the name; the conditions as the database reads them."""
    keys, conditions = set(names.keys(mask, name)), names.wanted(mask, asked)
    return bool(conditions) and all(keys & set(condition["$in"]) for condition in conditions)


def plain(text: str) -> str:
    """A text as somebody types it who has no accents."""
    apart = unicodedata.normalize("NFD", text.replace("Đ", "D"))
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


@pytest.mark.parametrize(
    ("name", "whole", "shown"),
    [
        ("Nguyễn Văn Anh", "first", "Nguyễn V. A."),
        ("  nguyễn   văn ánh ", "first", "nguyễn V. Á."),
        ("Maria Ana Garcia", "last", "M. A. Garcia"),
        ("Nguyễn Văn Anh", "none", "N. V. A."),
        ("Anh", "first", "A."),
        ("0912345678 Anh", "first", "0. A."),
        ("an@example.org Anh", "first", "A. A."),
        ("(Nguyễn) Anh", "first", "N. A."),
        ("...", "first", ""),
    ],
)
def test_a_mask_keeps_one_word_and_the_first_letters_of_the_others(name: str, whole: Any, shown: str) -> None:
    assert names.masked(FAMILY.model_copy(update={"whole": whole}), name) == shown


@given(st.text(max_size=80))
def test_a_mask_never_shows_more_than_one_word_and_initials(name: str) -> None:
    for mask in (FAMILY, INITIALS):
        hidden = [word for word in names.masked(mask, name).split() if not word.endswith((".", "***"))]
        assert len(hidden) <= (1 if mask is FAMILY and len(name.split()) > 1 else 0)
        assert len(names.keys(mask, name)) <= 13
        assert all(len(key) == 2 for key in names.keys(mask, name) if key.endswith("."))


@given(NAMES.filter(lambda words: len(words) > 1))
def test_a_name_is_found_by_itself_without_accents_and_in_any_order(words: list[str]) -> None:
    for order in list(permutations(words))[:24]:
        for mask in (FAMILY, INITIALS):
            assert finds(mask, " ".join(words), " ".join(order))
            assert finds(mask, " ".join(words), plain(" ".join(order)).upper())


@given(NAMES, NAMES)
def test_a_search_cannot_tell_two_names_with_one_mask_apart(one: list[str], asked: list[str]) -> None:
    """Else whoever types full names one after the other would learn which of them it is."""
    name, alike = " ".join(one), " ".join([one[0], *(f"{word[0]}x" for word in one[1:])])
    for mask in (FAMILY, INITIALS):
        assert names.masked(mask, name) == names.masked(mask, alike)
        assert names.keys(mask, name) == names.keys(mask, alike)
        assert finds(mask, name, " ".join(asked)) == finds(mask, alike, " ".join(asked))


def test_another_family_or_nothing_at_all_finds_nobody() -> None:
    assert not finds(FAMILY, "Nguyễn Văn Anh", "Trần Văn Anh")
    assert not finds(FAMILY, "Nguyễn Văn Anh", "Văn Anh"), "no whole word of the mask"
    assert not finds(FAMILY, "Nguyễn Văn Anh", "Nguyễn Văn Bình")
    assert not finds(FAMILY, "Nguyễn Văn Anh", " .. ")
    assert finds(FAMILY, "Nguyễn Văn Anh", "nguyen v. a.")


def test_a_portal_is_told_by_an_example_how_a_name_is_shown() -> None:
    told = known_values.shown_name(VN)
    assert told
    assert (told.name, told.shown) == ("Nguyễn Văn Anh", "Nguyễn V. A.")
    silent = VN.header.model_copy(update={"sender_names": None})
    assert known_values.shown_name(VN.model_copy(update={"header": silent})) is None
