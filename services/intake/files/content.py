"""Whether a file's content is what its name says, and can be opened by everybody without harm."""

from typing import BinaryIO, Final

from pakn.packs.media_types import EXTENSIONS
from services.intake.files import archives, ole, signatures
from services.intake.files.verdict import PROTECTED, Refusal, differs

_OFFICE: Final = "application/vnd.openxmlformats-officedocument."


def refusal_of_head(media_type: str, head: bytes) -> Refusal | None:
    """Why a file that begins so is not taken as one of this type; none while nothing speaks against it."""
    head = head[: signatures.HEAD_BYTES]
    maybe = signatures.fits(media_type, head) or (media_type.startswith(_OFFICE) and head.startswith(signatures.OLE))
    return None if maybe else differs(EXTENSIONS[media_type][0])


def refusal(media_type: str, file: BinaryIO) -> Refusal | None:
    """Why the content is not taken as a file of this type; none when it is.

    Images are only looked at in their first bytes here (`images` decodes them), and so are PDFs: nothing in them is run or read.
    """
    expected = EXTENSIONS[media_type][0]
    file.seek(0)
    head = file.read(signatures.HEAD_BYTES)
    if signatures.fits(media_type, head):
        if head.startswith(signatures.ZIP):
            return archives.refusal(media_type, file)
        return ole.refusal(media_type, file) if head.startswith(signatures.OLE) else None
    if media_type.startswith(_OFFICE) and head.startswith(signatures.OLE):
        # Office wraps a file with a password so. Whoever gets such a file can do nothing with it.
        if ole.refusal(media_type, file) == PROTECTED:
            return PROTECTED
        message = f"the content is no {expected} file, or an older one under a new name; save it as {expected}"
        return Refusal("file_content_differs", message)
    return differs(expected)
