"""Files of a feedback: what is checked of them, and what is said of them."""

import base64
import mimetypes
from collections.abc import Iterator, Sequence
from pathlib import PurePath

import puremagic

from pakn.packs.load import Pack
from schemas.portal_submission import InlineFile
from schemas.values import Attachment, Fault
from services.intake import domain
from services.intake.domain import File

# Extensions that name one format.
_SAME = {"jpeg": "jpg", "jpe": "jpg", "tiff": "tif"}


def _format(extension: str) -> str:
    plain = extension.lower().lstrip(".")
    return _SAME.get(plain, plain)


def _types_by_content(content: bytes) -> set[str]:
    """The extensions of all formats that the content's signature fits (an office file is also a zip archive)."""
    try:
        matches = puremagic.magic_string(content)
    except (puremagic.PureError, ValueError):
        return set()
    return {_format(match.extension) for match in matches}


def check(pack: Pack, files: Sequence[File]) -> Iterator[Fault]:
    """Every fault of the files: too many, too large, empty, a type that is not allowed or not what the name says."""
    rules = pack.header.attachments
    if len(files) > rules.max_files:
        yield Fault(field="attachments", code="too_many_files", message=f"{len(files)} files; at most {rules.max_files} are taken")
    allowed = {_format(extension) for kind in rules.media_types for extension in mimetypes.guess_all_extensions(kind)}
    for index, file in enumerate(files):
        field = f"attachments.{index}"
        if not file.name or any(character < " " or character in "/\\" for character in file.name) or len(file.name) > 200:
            message = "the file's name is empty, longer than 200 characters or holds control characters"
            yield Fault(field=field, code="file_name_not_taken", message=message)
        if not file.size:
            yield Fault(field=field, code="file_empty", message="the file is empty")
        elif file.size > rules.max_bytes:
            message = f"{file.size} bytes; at most {rules.max_bytes} are taken"
            yield Fault(field=field, code="file_too_large", message=message)
        else:
            yield from _type_faults(allowed, field, file.name, file.head)


def _type_faults(allowed: set[str], field: str, name: str, head: bytes) -> Iterator[Fault]:
    """The faults of a file's type, by its name and its first bytes."""
    extension = _format(PurePath(name).suffix)
    if extension not in allowed:
        message = f"type {extension or 'none'!r} is not taken; use one of {', '.join(sorted(allowed))}"
        yield Fault(field=field, code="file_type_not_taken", message=message)
    elif extension not in _types_by_content(head):
        yield Fault(field=field, code="file_content_differs", message=f"the content is not what the name says ({extension})")


def describe(files: Sequence[File]) -> tuple[Attachment, ...]:
    """The attachments that these files become."""
    return tuple(
        Attachment(
            id=file.id,
            name=file.name,
            media_type=mimetypes.guess_type(file.name)[0] or "application/octet-stream",
            size=file.size,
            sha256=file.sha256,
        )
        for file in files
    )


def decode_inline(feedback_id: str, files: Sequence[InlineFile]) -> tuple[list[File], list[Fault]]:
    """The files inside a portal's submission, and a fault for each that is not base64, which comes back empty."""
    decoded: list[File] = []
    faults: list[Fault] = []
    for index, file in enumerate(files):
        content = b""
        try:
            content = base64.b64decode(file.content_base64, validate=True)
        except ValueError:  # What is not even ASCII fails otherwise than what is not base64.
            faults.append(Fault(field=f"attachments.{index}.content_base64", code="not_base64", message="is not base64"))
        decoded.append(domain.whole_file(feedback_id, index, file.name, content))
    return decoded, faults
