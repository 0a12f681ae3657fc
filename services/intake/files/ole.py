"""The older container of Microsoft Office (OLE): files of Word and Excel to 2003, and newer ones that a password protects."""

from typing import BinaryIO, Final

import olefile  # type: ignore[import-untyped]

from services.intake.files.verdict import MACROS, PROTECTED, Refusal, differs

_STREAMS: Final = {"application/msword": ("doc", ("WordDocument",)), "application/vnd.ms-excel": ("xls", ("Workbook", "Book"))}
# Where Office keeps macros: of Word, of Excel.
_MACRO_STORES: Final = ("Macros", "_VBA_PROJECT_CUR")
_FILE_PASS: Final = 0x2F


def refusal(media_type: str, file: BinaryIO) -> Refusal | None:
    """Why this file is not taken as one of that type; none when it is. For a type of our days it says what the file is instead."""
    expected, streams = _STREAMS.get(media_type, ("file of this type", ()))
    try:
        with olefile.OleFileIO(file) as opened:
            if opened.exists("EncryptedPackage"):
                return PROTECTED
            stream = next((name for name in streams if opened.exists(name)), None)
            if stream is None:
                return differs(expected)
            with opened.openstream(stream) as content:
                start = content.read(4096)
            if _asks_for_password(media_type, start):
                return PROTECTED
            return MACROS if any(opened.exists(store) for store in _MACRO_STORES) else None
    # Of a broken file the library raises these, besides its own (a kind of OSError).
    except (OSError, ValueError, IndexError, KeyError, TypeError, AttributeError, RecursionError):
        return differs(expected)


def _asks_for_password(media_type: str, start: bytes) -> bool:
    """Source: [MS-DOC] 2.5.2, the bit fEncrypted of the file's head; [MS-XLS] 2.4.117, the record FilePass near the start."""
    if media_type == "application/msword":
        return bool(int.from_bytes(start[10:12], "little") & 0x0100)
    at = 0
    for _ in range(4):
        if int.from_bytes(start[at : at + 2], "little") == _FILE_PASS:
            return True
        at += 4 + int.from_bytes(start[at + 2 : at + 4], "little")
    return False
