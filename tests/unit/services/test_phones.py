"""Which numbers get text messages: mobile numbers of the pack's country, however people write them, and no others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notify.channels.phones import mobile_number, national_form


@pytest.mark.parametrize(
    "written",
    ["0912345678", "0912 345 678", "091.234.5678", "(091) 234-5678", "+84912345678", "+84 912 345 678", "0084912345678",
     "84912345678", "+84 (0)912345678", " 0912345678\u200b", "0912\u00a0345\u2011678"],
)  # fmt: skip
def test_a_mobile_number_is_known_in_every_spelling(written: str) -> None:
    assert mobile_number(written, "VN") == "+84912345678"
    assert national_form("+84912345678") == "0912345678"


@pytest.mark.parametrize(
    "written",
    ["", "113", "19001009", "1800 1091", "024 3823 4567", "028 3823 4567", "0292 3810 999", "01678901234", "O912345678",
     "٠٩١٢٣٤٥٦٧٨", "０９１２３４５６７８",
     "0912345678 / 0987654321", "0912345678 ext 5", "không có", "091234567", "09123456789",
     "+" * 400, "9" * 500],
)  # fmt: skip
def test_what_is_no_mobile_number_gets_none(written: str) -> None:
    """The library takes a letter O and the digits of every script; texts to land lines cost and reach nobody."""
    assert mobile_number(written, "VN") is None


@pytest.mark.parametrize("written", ["+1 202 555 0123", "+882 16 1234567", "00 7 912 345 67 89", "+855 12 345 678"])
def test_numbers_of_other_countries_get_none(written: str) -> None:
    """Strangers send in foreign numbers of which they get a share of what each text costs."""
    assert mobile_number(written, "VN") is None


def test_where_a_number_does_not_tell_what_it_is_it_may_be_a_mobile_one() -> None:
    assert mobile_number("(202) 555-0123", "US") == "+12025550123"


@given(st.text(max_size=600) | st.text(alphabet="0123456789+ -().", max_size=30))
def test_no_text_stops_the_reading_of_numbers(text: str) -> None:
    number = mobile_number(text, "VN")
    assert number is None or (number.startswith("+84") and number[1:].isdecimal() and number.isascii())
