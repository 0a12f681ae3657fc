"""Names of files: read as they are meant, whoever wrote them, and refused where they deceive."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.values import Attachment
from services.intake import attachments
from services.intake.domain import whole_file
from services.intake.files import names
from tests.support.files import PDF
from tests.support.packs import VN


def codes(name: str) -> list[str]:
    return [fault.code for fault in attachments.check(VN, [whole_file("f", 0, name, PDF)])]


@pytest.mark.parametrize(
    "name",
    [
        "", "   ", "a\u202efdp.pdf", "\u2066a\u2069.pdf", "a\u200f.pdf", "a\u200e.pdf", "\u061ca.pdf",
        "a\nb.pdf", "a\x00.pdf", "a\x85.pdf", "a\u2028.pdf", "../a.pdf", "..\\a.pdf", "C:\\fakepath\\a.pdf", "\ud83da.pdf",
    ],
)  # fmt: skip
def test_a_name_that_deceives_or_breaks_lines_is_refused(name: str) -> None:
    """`a[RLO]fdp.exe` is shown as `aexe.pdf`; such names were taken."""
    assert "file_name_not_taken" in codes(name)


def test_a_name_is_kept_in_one_form_without_spaces_around_it() -> None:
    decomposed = unicodedata.normalize("NFD", " Đơn kiến nghị.pdf ")
    assert codes(decomposed) == []
    (described,) = attachments.describe([whole_file("f", 0, decomposed, PDF)])
    assert (described.name, described.media_type) == ("Đơn kiến nghị.pdf", "application/pdf")


def test_a_long_name_keeps_its_extension() -> None:
    tidied = names.tidy("đ" * 300 + ".docx")
    assert tidied == "đ" * 195 + ".docx"
    assert codes("đơn " * 300 + ".pdf") == []


@given(st.text(max_size=300), st.sampled_from(["", ".pdf", ".docx", "." + "x" * 300]))
def test_every_name_that_is_taken_can_be_told_to_others(stem: str, ending: str) -> None:
    tidied = names.tidy(stem + ending)
    assert names.tidy(tidied) == tidied
    assert len(tidied) <= names.MAX_NAME
    if names.fault(tidied) is None:
        Attachment(id="a", name=tidied, media_type="application/pdf", size=1, sha256="0" * 64)
