"""What a text message is charged as, by the tables of 3GPP; and how a text loses its diacritics."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notify.channels import parts


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("ế" * 70, 1),
        ("ế" * 71, 2),
        ("ế" * 134, 2),
        ("ế" * 135, 3),
        # An escape takes two, and no part ends inside it: 152 letters and half a bracket do not fit.
        ("[" * 80, 1),
        ("[" * 81, 2),
        ("[" * 153, 3),
        ("a" * 152 + "[" * 76, 2),
        ("a" * 152 + "[" * 77, 3),
        # An emoji is a pair of surrogates: 33 pairs a part, and a place left over.
        ("👍" * 35, 1),
        ("👍" * 36, 2),
        ("👍" * 66, 2),
        ("👍" * 67, 3),
        ("ế" * 66 + "👍" * 33, 2),
        ("ế" * 66 + "👍" * 34, 3),
        # One letter outside the alphabet makes the whole text UCS-2; the grave accent alone is one.
        ("a" * 70 + "ế", 2),
        ("a" * 70 + "`", 2),
        ("Ñandu à la crème: 5 £, ¿no?" + "a" * 120, 1),
    ],
)
def test_a_text_is_charged_by_its_alphabet_and_its_length(text: str, number: int) -> None:
    assert parts.count(text) == number


def test_a_letter_and_its_marks_are_one() -> None:
    """Sent as it may come from a pack, with its marks apart, ế would cost three."""
    apart = unicodedata.normalize("NFD", "ế" * 70)
    assert parts.count(apart) == 4
    assert parts.count(parts.written(apart, diacritics=True)) == 1


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Đề nghị bổ sung thông tin", "De nghi bo sung thong tin"),
        (unicodedata.normalize("NFD", "ế Ữ ặ đ"), "e U a d"),
        ("“Phản ánh” – kiến nghị…", '"Phan anh" - kien nghi...'),
        ("`x`", "'x'"),
    ],
)
def test_a_text_can_be_written_without_diacritics(text: str, plain: str) -> None:
    assert parts.written(text, diacritics=False) == plain


@given(st.text(max_size=400))
def test_without_diacritics_every_text_is_of_the_short_alphabet(text: str) -> None:
    plain = parts.written(text, diacritics=False)
    assert plain.isascii()
    assert parts.is_gsm_7("".join(letter for letter in plain if letter.isprintable()))


@given(st.text(max_size=700))
def test_parts_hold_the_text_and_one_less_would_not(text: str) -> None:
    number = parts.count(text)
    units = len(text.encode("utf-16-be")) // 2
    assert number >= 1
    if not parts.is_gsm_7(text):
        assert units <= (70 if number == 1 else 67 * number)
        # A pair of surrogates leaves a place free at the end of a part at most.
        assert number == 1 or units > 66 * (number - 1)
