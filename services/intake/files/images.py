"""Images are written anew, so that nothing of a file but its picture is kept: no place, no device, no thumbnail."""

import asyncio
from pathlib import Path
from typing import Final

from pakn.engine.bounded_child import BoundedChild
from services.intake.files import decoder
from services.intake.files.verdict import NotNow, Refusal

_FORMATS: Final = {"image/jpeg": "JPEG", "image/png": "PNG", "image/gif": "GIF", "image/webp": "WEBP"}
_MAX_MEMORY: Final = 1024 * 1024 * 1024
_MAX_CPU_SECONDS: Final = 8

UNREADABLE: Final = Refusal("file_content_differs", "the image cannot be read; open it, save it again and send that")
TOO_MANY_PIXELS: Final = Refusal(
    "file_too_large", f"the image has more than {decoder.MAX_PIXELS // 1_000_000} million pixels; send a smaller one"
)
TOO_LARGE: Final = Refusal(
    "file_too_large", "written anew, without what is not its picture, the image is too large; send it in a smaller size"
)

NOT_IN_TIME: Final = Refusal(
    "file_not_checked", "the image was not read in time, however often it was tried; send it in a smaller size"
)


class Late(NotNow):
    """An image was not read in time, though it took less of the processor than it may: the machine is busy with something else."""


def is_image(media_type: str) -> bool:
    """Whether files of this type are images that can be written anew."""
    return media_type in _FORMATS


class Images:
    """Writes images anew, at one time one of them, each in a process of its own that ends with it."""

    def __init__(
        self, most: int, seconds: float = 20, cpu_seconds: int = _MAX_CPU_SECONDS, program: str = decoder.__file__
    ) -> None:
        """A picture may take `most` bytes, each image `seconds` of the clock and `cpu_seconds` of the processor; `program` is the
        Python file that decodes it."""
        self._most = most
        self._child = BoundedChild(Path(program), seconds, cpu_seconds, _MAX_MEMORY, most)
        self._free = asyncio.Lock()

    async def rewrite(self, media_type: str, content: bytes) -> bytes | Refusal:
        """The picture alone, in the same format, or why there is none. An image that ends the process has none. Raises Late."""
        async with self._free:
            ended = await self._child.run([content], _FORMATS[media_type], str(self._most))
        if ended.is_late:
            raise Late("an image was not read in time: the machine is busy")
        if ended.status == decoder.TOO_MANY_PIXELS:
            return TOO_MANY_PIXELS
        if ended.status == decoder.TOO_LARGE:
            return TOO_LARGE
        return ended.output if ended.status == 0 else UNREADABLE
