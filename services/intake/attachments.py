"""Files of a feedback: what is checked of them by name, size and first bytes, and what is said of them."""

import base64
from collections.abc import Iterator, Sequence

from pakn.packs.load import Pack
from pakn.packs.media_types import EXTENSIONS, media_type_of
from schemas.portal_submission import InlineFile
from schemas.values import Attachment, Fault
from services.intake import domain
from services.intake.domain import File
from services.intake.files import content, names


def check(pack: Pack, files: Sequence[File]) -> Iterator[Fault]:
    """Every fault of the files that shows before they are read: too many, too large, empty, a name or a type that is not taken."""
    rules = pack.header.attachments
    if len(files) > rules.max_files:
        yield Fault(field="attachments", code="too_many_files", message=f"{len(files)} files; at most {rules.max_files} are taken")
    for index, file in enumerate(files):
        field = f"attachments.{index}"
        name = names.tidy(file.name)
        if wrong := names.fault(name):
            yield Fault(field=field, code="file_name_not_taken", message=wrong)
        kind = media_type_of(name)
        if not file.size:
            yield Fault(field=field, code="file_empty", message="the file is empty")
        elif file.size > rules.max_bytes:
            message = f"{file.size} bytes; at most {rules.max_bytes} are taken"
            yield Fault(field=field, code="file_too_large", message=message)
        elif kind is None or kind not in rules.media_types:
            allowed = ", ".join(EXTENSIONS[taken][0] for taken in rules.media_types)
            yield Fault(field=field, code="file_type_not_taken", message=f"this type of file is not taken; send one of {allowed}")
        elif refusal := content.refusal_of_head(kind, file.head):
            yield refusal.fault(field)


def describe(files: Sequence[File]) -> tuple[Attachment, ...]:
    """The attachments that these files become."""
    return tuple(
        Attachment(
            id=file.id,
            name=names.tidy(file.name),
            media_type=media_type_of(names.tidy(file.name)) or "application/octet-stream",
            size=file.size,
            sha256=file.sha256,
            scanned=file.scanned,
        )
        for file in files
    )


def picture_id(file_id: str) -> str:
    """The id under which the picture of an image is kept, which was sent as the file with this id."""
    return f"{file_id}-picture"


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
