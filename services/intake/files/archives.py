"""Zip archives, among them the files of Word, Excel and OpenDocument: looked into by their directory, and hardly unfolded.

Nothing is read but the list of entries and one small entry that says what the whole is, both bounded. So an archive that
unfolds to a thousand times its size costs no more than any other, and is refused for whoever would open it.
"""

import re
import struct
import zipfile
import zlib
from typing import BinaryIO, Final

from services.intake.files.verdict import MACROS, PROTECTED, Refusal, differs

MAX_ENTRIES: Final = 5000
MAX_UNFOLDED: Final = 300 * 1024 * 1024
# Text in XML folds to a fiftieth at most; what folds better than this has been made to.
MAX_RATIO: Final = 200
# Small archives of repeated text may fold better.
_RATIO_FROM: Final = 20 * 1024 * 1024
_MAX_DIRECTORY: Final = 1024 * 1024
_MAX_EXTRA: Final = 4096
_MAX_SAYING: Final = 256 * 1024
# Bytes of the parts of a list of entries. Source: APPNOTE.TXT of PKWARE, sections 4.3.12, 4.3.15 and 4.3.16.
_ROW: Final = 46
_LOCATOR: Final = 20
_END: Final = 22
_LONGEST_COMMENT: Final = 0xFFFF
_ENCRYPTED: Final = 0x1
_READ: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})

_MACRO_TYPES: Final = (b"macroenabled", b"vbaproject")
_OFFICE: Final = {
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ("docx", "word/document.xml"),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ("xlsx", "xl/workbook.xml"),
}
_OPEN_DOCUMENT: Final = {
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
}
# What a double click runs, and archives, which could hide it.
_RUNS: Final = frozenset(
    re.findall(
        r"\S+",
        """
        exe com scr pif bat cmd ps1 psm1 vbs vbe js jse wsf wsh hta msi msp msc cpl dll lnk url jar reg chm scf sh app dmg iso img
        vhd docm xlsm pptm dotm xltm xlam zip rar 7z gz tar cab ace arj
        """,
    )
)
_BOMB: Final = Refusal("file_not_safe", "the archive unfolds to more than is taken; send its files one by one")


def refusal(media_type: str, file: BinaryIO) -> Refusal | None:
    """Why this archive is not taken as a file of that type; none when it is."""
    expected = _OFFICE.get(media_type, (_OPEN_DOCUMENT.get(media_type, "zip"),))[0]
    try:
        if not _directory_is_bounded(file):
            return _BOMB
        with zipfile.ZipFile(file) as archive:
            return _of_entries(archive) or _of_kind(media_type, archive, expected)
    # Of a broken archive the library raises these, besides its own.
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, EOFError, RuntimeError, zlib.error):
        return differs(expected)


def _directory_is_bounded(file: BinaryIO) -> bool:
    """Whether the list of entries may be read: it takes memory and time for each entry before any of them is seen.

    Raises BadZipFile where there is no list. The list is looked for where the library looks for it.
    """
    whole = file.seek(0, 2)
    begin = file.seek(max(0, whole - _END - _LONGEST_COMMENT - _LOCATOR))
    end = file.read()
    at = len(end) - _END if end[-_END:][:4] == b"PK\x05\x06" and end[-2:] == b"\0\0" else end.rfind(b"PK\x05\x06")
    if at < 0 or len(end) < at + _END:
        raise zipfile.BadZipFile
    entries = int.from_bytes(end[at + 10 : at + 12], "little")
    size = int.from_bytes(end[at + 12 : at + 16], "little")
    # The form for larger archives (zip64) puts its own sizes elsewhere; no file that is taken needs it.
    if entries > MAX_ENTRIES or size > _MAX_DIRECTORY or end[max(0, at - _LOCATOR) : at][:4] == b"PK\x06\x07":
        return False
    if size > begin + at:
        raise zipfile.BadZipFile
    file.seek(begin + at - size)
    return _rows_are_bounded(file.read(size))


def _rows_are_bounded(rows: bytes) -> bool:
    """Whether the list has as few entries as it may, whatever its end says, and none with a long list of its own.

    Raises BadZipFile where it is no list.
    """
    at = 0
    for _ in range(MAX_ENTRIES):
        if at >= len(rows):
            return True
        row = rows[at : at + _ROW]
        if len(row) < _ROW or row[:4] != b"PK\x01\x02":
            raise zipfile.BadZipFile
        name, extra, comment = struct.unpack("<HHH", row[28:34])
        # The library takes time for extra fields by the square of their length.
        if extra > _MAX_EXTRA:
            return False
        at += _ROW + name + extra + comment
    return at >= len(rows)


def _of_entries(archive: zipfile.ZipFile) -> Refusal | None:
    entries = archive.infolist()
    unfolded = sum(entry.file_size for entry in entries)
    folded = sum(entry.compress_size for entry in entries)
    if len(entries) > MAX_ENTRIES or unfolded > MAX_UNFOLDED or (unfolded > _RATIO_FROM and unfolded > MAX_RATIO * folded):
        return _BOMB
    if any(entry.flag_bits & _ENCRYPTED for entry in entries):
        return PROTECTED
    names = [entry.filename.lower() for entry in entries]
    if any(name.endswith("vbaproject.bin") or name.startswith(("basic/", "scripts/")) for name in names):
        return MACROS
    if any(name.rstrip(". ").rpartition(".")[2] in _RUNS for name in names):
        return Refusal("file_not_safe", "the archive holds programs or other archives; send its documents one by one")
    return None


def _of_kind(media_type: str, archive: zipfile.ZipFile, expected: str) -> Refusal | None:
    names = set(archive.namelist())
    if media_type in _OFFICE:
        types = "[Content_Types].xml"
        if not {types, _OFFICE[media_type][1]} <= names:
            return differs(expected)
        said = _saying(archive, types)
        # UTF-16 puts a zero beside each letter.
        plain = said.replace(b"\0", b"").lower()
        return MACROS if any(macro in plain for macro in _MACRO_TYPES) else None
    if media_type in _OPEN_DOCUMENT:
        if not {"mimetype", "content.xml"} <= names:
            return differs(expected)
        return None if _saying(archive, "mimetype").strip() == media_type.encode() else differs(expected)
    return None


def _saying(archive: zipfile.ZipFile, name: str) -> bytes:
    """The entry that says what the archive is. Raises BadZipFile where it is larger than such an entry is."""
    entry = archive.getinfo(name)
    # Other ways of folding cannot be unfolded in bounded pieces, and no office program uses them.
    if entry.file_size > _MAX_SAYING or entry.compress_type not in _READ:
        raise zipfile.BadZipFile
    with archive.open(entry) as opened:
        return opened.read(_MAX_SAYING)
