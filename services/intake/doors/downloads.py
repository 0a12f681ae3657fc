"""A file as an answer by HTTP: always a download, never shown inside our own pages."""

from collections.abc import Iterable

from litestar.response import Stream

from pakn.engine.problems import Problem
from schemas.values import Attachment
from services.intake.file_store import FileStore
from services.intake.files import names


async def download(files: FileStore, allowed: Iterable[Attachment], attachment_id: str) -> Stream:
    """The file with this id, if it is one of those that the asker may read. Raises Problem 404, and PyMongoError."""
    described = next((row for row in allowed if row.id == attachment_id), None)
    file = await files.open(attachment_id) if described else None
    if described is None or file is None:
        raise Problem(404, "unknown-attachment", "The feedback has no such file.")
    # What a citizen uploaded is downloaded, so that no browser runs it as a part of the portal.
    headers = {"Content-Disposition": names.disposition(described.name), "X-Content-Type-Options": "nosniff"}
    # As headers, since a stream would take its type from the route, and has no length.
    headers |= {"Content-Type": described.media_type, "Content-Length": str(file.size)}
    return Stream(file.pieces, headers=headers)
