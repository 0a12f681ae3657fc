"""Files of a feedback: their type is checked by content, their bytes are kept in GridFS."""

import base64
import contextlib
import hashlib
import io
from collections.abc import Iterator, Sequence
from typing import Any

from gridfs.errors import FileExists, NoFile
from pymongo.errors import DuplicateKeyError

from pakn.engine.mongo import FileBucket
from pakn.packs.load import Pack
from pakn.packs.media_types import EXTENSIONS, media_type_of
from schemas.portal_submission import InlineFile
from schemas.values import Attachment, Fault
from services.intake.domain import File
from services.intake.files import content, names


def check(pack: Pack, files: Sequence[File]) -> Iterator[Fault]:
    """Every fault of the files: too many, too large, empty, a type that is not allowed or not what the name says."""
    rules = pack.header.attachments
    if len(files) > rules.max_files:
        yield Fault(field="attachments", code="too_many_files", message=f"{len(files)} files; at most {rules.max_files} are taken")
    for index, file in enumerate(files):
        field = f"attachments.{index}"
        name = names.tidy(file.name)
        if wrong := names.fault(name):
            yield Fault(field=field, code="file_name_not_taken", message=wrong)
        kind = media_type_of(name)
        if not file.content:
            yield Fault(field=field, code="file_empty", message="the file is empty")
        elif len(file.content) > rules.max_bytes:
            message = f"{len(file.content)} bytes; at most {rules.max_bytes} are taken"
            yield Fault(field=field, code="file_too_large", message=message)
        elif kind is None or kind not in rules.media_types:
            allowed = ", ".join(EXTENSIONS[taken][0] for taken in rules.media_types)
            yield Fault(field=field, code="file_type_not_taken", message=f"this type of file is not taken; send one of {allowed}")
        elif refusal := content.refusal(kind, io.BytesIO(file.content)):
            yield Fault(field=field, code=refusal.code, message=refusal.message)


def describe(feedback_id: str, files: Sequence[File], batch: str = "") -> tuple[Attachment, ...]:
    """The attachments that these files become. Ids are derived, so a repeated submission stores nothing twice."""
    return tuple(
        Attachment(
            # Bound to the content: other bytes under the same name in a second try are another file.
            id=f"{feedback_id}{batch}-{index}-{hashlib.sha256(file.content).hexdigest()[:16]}",
            name=names.tidy(file.name),
            media_type=media_type_of(names.tidy(file.name)) or "application/octet-stream",
            size=len(file.content),
            sha256=hashlib.sha256(file.content).hexdigest(),
        )
        for index, file in enumerate(files)
    )


def decode_inline(files: Sequence[InlineFile]) -> tuple[list[File], list[Fault]]:
    """The files inside a portal's submission, and a fault for each that is not base64, which comes back empty."""
    decoded: list[File] = []
    faults: list[Fault] = []
    for index, file in enumerate(files):
        try:
            decoded.append(File(file.name, base64.b64decode(file.content_base64, validate=True)))
        except ValueError:  # What is not even ASCII fails otherwise than what is not base64.
            decoded.append(File(file.name, b""))
            faults.append(Fault(field=f"attachments.{index}.content_base64", code="not_base64", message="is not base64"))
    return decoded, faults


async def store(bucket: FileBucket, attachments: Sequence[Attachment], files: Sequence[File]) -> None:
    """Keep the bytes. What an interrupted try has kept already is left as it is."""
    for attachment, file in zip(attachments, files, strict=True):
        try:
            await _upload(bucket, attachment, file)
        except (FileExists, DuplicateKeyError):
            # The document of a file is written last, after all its pieces.
            if await _stream(bucket, attachment.id) is not None:
                continue
            # A crash left pieces of it: they are removed, and the file is stored whole.
            with contextlib.suppress(NoFile):
                await bucket.delete(attachment.id)
            await _upload(bucket, attachment, file)


async def _upload(bucket: FileBucket, attachment: Attachment, file: File) -> None:
    await bucket.upload_from_stream_with_id(attachment.id, attachment.name, file.content, metadata={"sha256": attachment.sha256})


async def _stream(bucket: FileBucket, attachment_id: str) -> Any | None:
    try:
        return await bucket.open_download_stream(attachment_id)
    except NoFile:
        return None


async def read(bucket: FileBucket, attachment_id: str) -> bytes | None:
    """The bytes of a file; none when there is no such file."""
    stream = await _stream(bucket, attachment_id)
    return None if stream is None else bytes(await stream.read())
