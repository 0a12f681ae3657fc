"""The types of files that a pack may allow, with the extensions by which their names end.

The table is ours: that of the machine (`/etc/mime.types`) is missing in small images, and differs between systems.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

# The first extension is the one that a person is told.
EXTENSIONS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "image/jpeg": ("jpg", "jpeg", "jpe", "jfif"),
        "image/png": ("png",),
        "image/gif": ("gif",),
        "image/webp": ("webp",),
        "application/pdf": ("pdf",),
        "application/msword": ("doc",),
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ("docx",),
        "application/vnd.ms-excel": ("xls",),
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ("xlsx",),
        "application/vnd.oasis.opendocument.text": ("odt",),
        "application/vnd.oasis.opendocument.spreadsheet": ("ods",),
        "application/zip": ("zip",),
    }
)
_BY_EXTENSION: Final = {extension: kind for kind, extensions in EXTENSIONS.items() for extension in extensions}


def media_type_of(file_name: str) -> str | None:
    """The media type that the extension of a file's name stands for; none where the table has no such extension."""
    stem, _, extension = file_name.rpartition(".")
    return _BY_EXTENSION.get(extension.lower()) if stem else None


def checked_media_type(kind: str) -> str:
    """The same media type. Raises ValueError when files of that type cannot be checked."""
    if kind not in EXTENSIONS:
        raise ValueError(f"files of type {kind} cannot be checked; use some of {', '.join(EXTENSIONS)}")
    return kind
