"""A code is found however somebody typed it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pakn.links import read_code

FULL_WIDTH = str.maketrans(
    "0123456789.ABCDEFGHIJKLMNOPQRSTUVWXYZ", "".join(chr(ord(c) + 0xFEE0) for c in "0123456789.ABCDEFGHIJKLMNOPQRSTUVWXYZ")
)


@pytest.mark.parametrize(
    "typed",
    [
        "pakn.20261126.0001", "PAKN.20261126.0001 ", " PAKN. 20261126 .0001", "PAKN-20261126-0001", "PAKN,20261126,0001",
        "PAKN 20261126 1", "PAKN202611260001", "20261126.0001", "202611260001", "20261126-1", "PAKN.20261126.0001.",
        "ＰＡＫＮ．２０２６１１２６．０００１", "PAKN.٢٠٢٦١١٢٦.٠٠٠١", "\u200ePAKN.20261126.0001\u200b",
        "\ufeffPAKN。20261126。0001",
        "#PAKN.20261126.00001",
    ],
)  # fmt: skip
def test_a_code_as_people_type_it_is_the_code(typed: str) -> None:
    assert read_code(typed, "PAKN") == "PAKN.20261126.0001"


@pytest.mark.parametrize(
    "typed", ["", " ", "PAKN", "hello", "PAKN.2026.1", "PAKN.20261126.x", "x" * 10_000, "9" * 10_000, "../..", "²"]
)
def test_what_is_no_code_comes_back_as_it_is(typed: str) -> None:
    assert read_code(typed, "PAKN") == typed


def test_a_prefix_may_hold_digits_and_another_systems_code_keeps_its_own() -> None:
    assert read_code("la311-20261126-42", "LA311") == "LA311.20261126.0042"
    assert read_code("LA311202611260042", "LA311") == "LA311.20261126.0042"
    assert read_code("la311 20261126 42", "PAKN") == "LA311.20261126.0042"
    assert read_code("pakn/20261126/42") == "PAKN.20261126.0042"


@given(
    st.from_regex(r"[A-Z]{2,8}", fullmatch=True),
    st.dates(),
    st.integers(1, 10**9),
    st.sampled_from([".", "-", ",", "/", " ", "_", " . ", "\u200b.", "–", "．"]),
    st.booleans(),
    st.booleans(),
    st.text(alphabet=" \t\u00a0\ufeff", max_size=3),
)
def test_every_code_is_read_in_every_way_of_writing(
    prefix: str, day: object, number: int, mark: str, small: bool, wide: bool, around: str
) -> None:
    code = f"{prefix}.{str(day).replace('-', '')}.{number:04d}"
    typed = code.replace(".", mark)
    typed = around + (typed.lower() if small else typed.translate(FULL_WIDTH) if wide else typed) + around
    assert read_code(typed, prefix) == code
    assert read_code(typed.replace(prefix, "", 1), prefix) == code
    assert read_code(code, prefix) == code


@given(st.text())
def test_reading_twice_is_reading_once_whatever_was_typed(text: str) -> None:
    assert read_code(read_code(text, "PAKN"), "PAKN") == read_code(text, "PAKN")
