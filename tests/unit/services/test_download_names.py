"""A file is downloaded under the name that it was sent with, whichever program asks for it."""

import email.message
import email.policy
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.files import names


def read_back(header: str) -> str | None:
    """The whole name, as the standard library's parser of mail reads it. It takes the first form, so that one is left out."""
    message = email.message.Message(email.policy.compat32)
    message["Content-Disposition"] = header.partition("; filename=")[0] + "; " + header.partition('"; ')[2]
    return message.get_filename()


def plain(header: str) -> str:
    """The name for programs that know only the older form."""
    return header.partition('filename="')[2].partition('"')[0]


@pytest.mark.parametrize(
    ("name", "fallback"),
    [
        ("Đơn kiến nghị.pdf", "Don kien nghi.pdf"),
        ("don.pdf", "don.pdf"),
        ("a\"b;c'd%41.pdf", "a_b_c_d_41.pdf"),
        ("申请书.docx", "file.docx"),
        ("giấy hẹn (1).jpg", "giay hen (1).jpg"),
    ],
)
def test_a_download_has_its_name_and_one_in_plain_letters(name: str, fallback: str) -> None:
    """Each file was saved as `download`, or under its id."""
    header = names.disposition(name)
    assert header.startswith("attachment; ")
    assert read_back(header) == name
    assert plain(header) == fallback


@given(st.text(max_size=210).map(names.tidy).filter(lambda name: names.fault(name) is None))
def test_every_name_that_is_taken_is_read_back(name: str) -> None:
    header = names.disposition(name)
    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2
    read = read_back(header)
    assert read is not None
    assert unicodedata.normalize("NFC", read) == name
