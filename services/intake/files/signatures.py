"""By which bytes a file of each type begins."""

from collections.abc import Callable, Mapping
from typing import Final

# A zip archive, also one that holds nothing, and the older container of Microsoft Office.
ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# Programs, scripts, pages and archives, which could hold a PDF's first line too.
_NO_PDF: Final = (b"MZ", b"\x7fELF", b"#!", b"<", OLE, *ZIP)
# How much of a file `fits` looks at, in bytes.
HEAD_BYTES: Final = 1024


def _begins(*signatures: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(signatures)


_FITS: Final[Mapping[str, Callable[[bytes], bool]]] = {
    "image/jpeg": _begins(b"\xff\xd8\xff"),
    "image/png": _begins(b"\x89PNG\r\n\x1a\n"),
    "image/gif": _begins(b"GIF87a", b"GIF89a"),
    "image/webp": lambda head: head[:4] == b"RIFF" and head[8:12] == b"WEBP",
    # A byte order mark or a printer's own lines (PJL) may come before, and every reader passes over them.
    "application/pdf": lambda head: b"%PDF-" in head and not head.lstrip().startswith(_NO_PDF),
    "application/msword": _begins(OLE),
    "application/vnd.ms-excel": _begins(OLE),
}


def fits(media_type: str, head: bytes) -> bool:
    """Whether a file that begins with `head` (HEAD_BYTES, or the whole of a smaller file) may be of this type."""
    # What is in no row above is a zip archive of some kind.
    return _FITS.get(media_type, _begins(*ZIP))(head)
