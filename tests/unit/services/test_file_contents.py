"""What a file holds is looked at, whatever its name says, and at a cost that its sender does not choose."""

import io
import random
import struct
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pakn.packs.media_types import EXTENSIONS, media_type_of
from schemas.fault_codes import FAULT_CODES
from services.intake.files import archives, content
from tests.support import files
from tests.support.files import DOC, DOCX, PDF, XLS, XLSX, archive, docx, open_document

ODT = open_document("application/vnd.oasis.opendocument.text")


WHOLE = [DOCX, XLSX, ODT, DOC, XLS, archive({"a.txt": "a" * 99})]


def refused(name: str, data: bytes) -> str | None:
    """The code and the words of the refusal in one text; none when the file is taken."""
    kind = media_type_of(name)
    assert kind is not None
    found = content.refusal(kind, io.BytesIO(data))
    assert found is None or found.code in FAULT_CODES
    return found and f"{found.code}: {found.message}"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.pdf", PDF),
        ("a.pdf", b"\xef\xbb\xbf" + PDF),
        ("a.pdf", b"\x1b%-12345X@PJL SET RESOLUTION=600\r\n@PJL ENTER LANGUAGE=PDF\r\n" + PDF),
        ("a.docx", DOCX),
        ("a.docx", docx(word__embeddings__oleObject1_bin=b"\xd0\xcf\x11\xe0")),
        ("a.xlsx", XLSX),
        ("a.doc", DOC),
        ("a.xls", XLS),
        ("a.odt", ODT),
        ("a.zip", archive({"đơn.pdf": PDF, "ảnh/1.jpg": b"\xff\xd8\xff"})),
        ("a.zip", archive({})),
    ],
)
def test_what_office_programs_and_scanners_write_is_taken(name: str, data: bytes) -> None:
    """A scan with a printer's lines before its first one was refused."""
    assert refused(name, data) is None


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.pdf", bytes(1024) + PDF, "file_content_differs: the content is not what the name says (pdf)"),
        ("a.pdf", b"MZ" + PDF, "file_content_differs"),
        ("a.pdf", b"\n<script>1</script>" + PDF, "file_content_differs"),
        ("a.docx", archive({"virus.exe": b"MZ"}), "file_not_safe: the archive holds programs"),
        ("a.docx", docx(word__a_exe=b"MZ"), "file_not_safe: the archive holds programs"),
        ("a.docx", archive({"a.txt": "x"}), "file_content_differs: the content is not what the name says (docx)"),
        ("a.docx", XLSX, "file_content_differs"),
        ("a.xlsx", DOCX, "file_content_differs"),
        ("a.docx", docx(word__vbaProject_bin=b"x"), "file_not_safe: the file holds macros"),
        ("a.docx", docx('<Override ContentType="application/vnd.ms-word.document.macroEnabled.main+xml"/>'), "file_not_safe"),
        ("a.docx", docx("application/vnd.ms-office.vbaProject".encode("utf-16")), "file_not_safe: the file holds macros"),
        ("a.docx", files.DOCX_PROTECTED, "file_protected: the file is protected by a password; save it without one"),
        ("a.docx", DOC, "file_content_differs: the content is no docx file, or an older one under a new name"),
        ("a.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000), "file_content_differs: the content is no docx file"),
        ("a.doc", files.DOC_PROTECTED, "file_protected"),
        ("a.doc", files.DOCX_PROTECTED, "file_protected"),
        ("a.doc", files.DOC_WITH_MACROS, "file_not_safe: the file holds macros"),
        ("a.doc", XLS, "file_content_differs"),
        ("a.xls", files.XLS_PROTECTED, "file_protected"),
        ("a.odt", open_document("application/vnd.oasis.opendocument.spreadsheet"), "file_content_differs"),
        ("a.odt", archive({"mimetype": "x"}), "file_content_differs"),
        ("a.zip", archive({"deep/RUN.BAT ": "x"}), "file_not_safe: the archive holds programs"),
        ("a.zip", archive({"more.zip": archive({})}), "file_not_safe"),
        ("a.zip", b"PK\x03\x04" + bytes(100), "file_content_differs"),
    ],
)
def test_what_deceives_or_cannot_be_opened_is_refused_with_its_reason(name: str, data: bytes, words: str) -> None:
    """A zip with a program in it was taken as a Word file, and a protected one refused as another type."""
    found = refused(name, data)
    assert found is not None
    assert found.startswith(words)


def test_an_archive_with_a_password_is_named_as_such() -> None:
    data = bytearray(archive({"a.txt": "x"}))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    assert refused("a.zip", bytes(data)) == "file_protected: the file is protected by a password; save it without one"


def bombs() -> list[bytes]:
    """Archives that unfold to far more than they are: by their contents, by their number, by what their list says."""
    folded = io.BytesIO()
    with zipfile.ZipFile(folded, "w", zipfile.ZIP_DEFLATED) as opened, opened.open("word/document.xml", "w") as entry:
        for _ in range(64):
            entry.write(bytes(1024 * 1024))
    many = archive({str(number): "" for number in range(archives.MAX_ENTRIES + 1)})
    # A list of four million entries, whose end says that there is one.
    row = b"PK\x01\x02" + bytes(42)
    length = len(row) * 200_000
    long_list = b"PK\x03\x04" + row * 200_000 + b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, length, 4, 0)
    return [folded.getvalue(), many, long_list]


@pytest.mark.parametrize("number", range(3))
def test_a_bomb_is_refused_before_any_of_it_is_unfolded(number: int) -> None:
    found = refused("a.docx", bombs()[number])
    assert found is not None
    assert found.startswith("file_not_safe: the archive unfolds to more than is taken")


def listed(rows: bytes, *, zip64: bool = False) -> bytes:
    """An archive of a list of entries alone, whose end says that there is one; with `zip64` its size stands in another place."""
    end = struct.pack("<HHHHIIH", 0, 0, 1, 1, len(rows), 4, 0)
    if zip64:
        size = struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, 1, 1, len(rows), 4)
        rows += b"PK\x06\x06" + size + b"PK\x06\x07" + struct.pack("<IQI", 0, 4 + len(rows), 1)
        end = struct.pack("<HHHHIIH", 0, 0, 1, 1, 0, 4, 0xFFFF) + bytes(0xFFFF)
    return b"PK\x03\x04" + rows + b"PK\x05\x06" + end


MANY_AND_A_BROKEN_ROW = (b"PK\x01\x02" + bytes(42)) * (archives.MAX_ENTRIES + 1) + bytes(46)
LONG_EXTRA = b"\x09\0\0\0" * 0x3FFF
SLOW_ROW = b"PK\x01\x02" + bytes(26) + struct.pack("<H", len(LONG_EXTRA)) + bytes(14) + LONG_EXTRA


@pytest.mark.parametrize(
    "data",
    [listed(MANY_AND_A_BROKEN_ROW), listed(MANY_AND_A_BROKEN_ROW, zip64=True), listed(SLOW_ROW)],
    ids=["more than it says", "behind the longest comment", "a thousand fields beside a name"],
)
def test_a_list_that_takes_long_is_refused_before_the_library_reads_it(data: bytes) -> None:
    """Each held up everybody for seconds: 100,000 entries behind a long comment, and entries with long lists of their own.

    The library would find the broken row, and call the file none of its type.
    """
    found = refused("a.zip", data)
    assert found is not None
    assert found.startswith("file_not_safe: the archive unfolds to more than is taken")


def test_an_entry_that_is_read_is_read_to_a_bound() -> None:
    """The list may say that a small entry follows where there is a large one."""
    data = bytearray(docx(b"A" * 50_000_000))
    for mark, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = data.index(mark) + place
        data[at : at + 4] = struct.pack("<I", 100)
    found = refused("a.docx", bytes(data))
    assert found is not None
    assert found.startswith("file_content_differs")


@pytest.mark.parametrize(
    "whole", [DOCX, XLSX, ODT, DOC, XLS, files.XLS_PROTECTED, files.DOCX_PROTECTED, archive({"a.txt": "a" * 99})]
)
@given(seed=st.integers(0, 2**32))
def test_no_broken_file_does_more_than_be_refused(whole: bytes, seed: int) -> None:
    made = random.Random(seed)
    data = bytearray(whole)
    for _ in range(made.randrange(1, 12)):
        data[made.randrange(len(data))] = made.choice([0, 0xFF, 0xFE, made.randrange(256)])
    cut = bytes(data[: made.randrange(len(data))] if made.random() < 0.3 else data)
    for kind in EXTENSIONS:
        content.refusal(kind, io.BytesIO(cut))
