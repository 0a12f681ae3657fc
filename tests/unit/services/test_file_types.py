"""Types of files by our own table: the same on every machine, whatever it knows of types itself."""

import mimetypes
from typing import Any

import pytest
from pydantic import ValidationError

from pakn.packs.media_types import EXTENSIONS, media_type_of
from pakn.packs.models import Attachments
from services.intake import attachments
from services.intake.domain import File, whole_file
from tests.support.files import DOCX, XLSX
from tests.support.packs import VN


def file(name: str, content: bytes) -> File:
    return whole_file("f", 0, name, content)


def codes(*files: tuple[str, bytes]) -> list[str]:
    return [fault.code for fault in attachments.check(VN, [file(*given) for given in files])]


def test_office_files_are_taken_on_a_machine_that_knows_no_types(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small image has no /etc/mime.types; every Word file was refused there as "type 'docx' is not taken"."""

    def nothing(*_: Any) -> list[str]:
        return []

    monkeypatch.setattr(mimetypes, "guess_all_extensions", nothing)
    monkeypatch.setattr(mimetypes, "guess_type", lambda *_: (None, None))
    assert codes(("đơn.docx", DOCX), ("BẢNG.XLSX", XLSX)) == []
    files = [file("đơn.docx", DOCX), file("BẢNG.XLSX", XLSX)]
    assert [described.media_type for described in attachments.describe(files)] == [
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ]


def test_each_extension_stands_for_one_type() -> None:
    named = [(extension, kind) for kind, extensions in EXTENSIONS.items() for extension in extensions]
    assert [media_type_of(f"a.{extension}") for extension, _ in named] == [kind for _, kind in named]
    assert [media_type_of(name) for name in ("", "pdf", ".pdf", "a.", "a.exe", "a.pdf.exe")] == [None] * 6


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("a.exe", b"MZ", ["file_type_not_taken"]),
        ("none", b"%PDF-1.4", ["file_type_not_taken"]),
        ("a.gif", b"GIF89a", ["file_type_not_taken"]),
        ("a.pdf", b"plain text", ["file_content_differs"]),
        ("a.jpg", b"\x89PNG\r\n\x1a\n", ["file_content_differs"]),
        ("a.docx", b"%PDF-1.4", ["file_content_differs"]),
    ],
)
def test_what_the_pack_does_not_allow_or_the_content_denies_is_refused(name: str, content: bytes, found: list[str]) -> None:
    assert codes((name, content)) == found


def test_a_pack_allows_only_types_that_can_be_checked() -> None:
    with pytest.raises(ValidationError, match="files of type video/mp4 cannot be checked; use some of image/jpeg"):
        Attachments(max_files=1, max_bytes=1, media_types=("video/mp4",))
