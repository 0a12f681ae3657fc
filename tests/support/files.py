"""Small files of each kind, made by hand: what office programs write, as little of it as tells its kind."""

import io
import struct
import zipfile
from typing import Final

_TYPES: Final = "<Types/>"


def archive(parts: dict[str, str | bytes]) -> bytes:
    """A zip archive with these entries."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, text in parts.items():
            opened.writestr(name, text)
    return packed.getvalue()


def docx(types: str | bytes = _TYPES, **more: str | bytes) -> bytes:
    """A file of Word with more entries; two underscores in a name stand for a slash, one for a dot."""
    others = {name.replace("__", "/").replace("_", "."): text for name, text in more.items()}
    return archive({"[Content_Types].xml": types, "_rels/.rels": "<Relationships/>", "word/document.xml": "<document/>"} | others)


def open_document(media_type: str) -> bytes:
    return archive({"mimetype": media_type, "content.xml": "<document/>", "META-INF/manifest.xml": "<manifest/>"})


XLSX: Final = archive({"[Content_Types].xml": _TYPES, "_rels/.rels": "<Relationships/>", "xl/workbook.xml": "<workbook/>"})
DOCX: Final = docx()


def ole(streams: dict[str, bytes], storages: tuple[str, ...] = ()) -> bytes:
    """An OLE container: a head, one sector that chains the others, its directory, and each stream in eight sectors."""
    names = [*streams, *storages]
    directory_sectors = -(-(len(names) + 1) // 4)
    first = 1 + directory_sectors
    chain = [0xFFFFFFFD, *range(2, first), 0xFFFFFFFE]
    for number in range(len(streams)):
        chain += [*range(first + number * 8 + 1, first + number * 8 + 8), 0xFFFFFFFE]
    table = struct.pack("<128I", *chain, *[0xFFFFFFFF] * (128 - len(chain)))
    rows = [_row("Root Entry", 5, 0xFFFFFFFF, 1 if names else 0xFFFFFFFF, 0xFFFFFFFE, 0)]
    for number, name in enumerate(names):
        beside = number + 2 if number + 1 < len(names) else 0xFFFFFFFF
        is_stream = number < len(streams)
        rows.append(_row(name, 2 if is_stream else 1, beside, 0xFFFFFFFF, first + number * 8 if is_stream else 0, 4096 * is_stream))
    directory = b"".join(rows).ljust(512 * directory_sectors, b"\0")
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    head += struct.pack("<IIIIIIIII", 0, 1, 1, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0)
    head += struct.pack("<109I", 0, *[0xFFFFFFFF] * 108)
    return head + table + directory + b"".join(content.ljust(4096, b"\0") for content in streams.values())


def _row(name: str, kind: int, right: int, child: int, sector: int, size: int) -> bytes:
    text = name.encode("utf-16-le") + b"\0\0"
    links = struct.pack("<HBBIII", len(text), kind, 1, 0xFFFFFFFF, right, child)
    return text.ljust(64, b"\0") + links + bytes(36) + struct.pack("<IQ", sector, size)


DOC: Final = ole({"WordDocument": b"\xec\xa5" + bytes(30)})
DOC_PROTECTED: Final = ole({"WordDocument": b"\xec\xa5" + bytes(8) + b"\x00\x01"})
DOC_WITH_MACROS: Final = ole({"WordDocument": b"\xec\xa5" + bytes(30)}, ("Macros",))
XLS: Final = ole({"Workbook": struct.pack("<HH", 0x809, 16) + bytes(16)})
XLS_PROTECTED: Final = ole({"Workbook": struct.pack("<HH", 0x809, 16) + bytes(16) + struct.pack("<HH", 0x2F, 54)})
DOCX_PROTECTED: Final = ole({"EncryptionInfo": b"\4\0\4\0", "EncryptedPackage": bytes(16)})
PDF: Final = b"%PDF-1.4\n1 0 obj << /Type /Catalog >> endobj\ntrailer << /Root 1 0 R >>\n%%EOF\n"
