"""Images are written anew, so that nothing of a file but its picture is kept: no place, no device, no thumbnail."""

import asyncio
from pathlib import Path
from typing import Final

from pakn.engine.bounded_child import BoundedChild
from services.intake.files import decoder
from services.intake.files.verdict import Refusal

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


def is_image(media_type: str) -> bool:
    """Whether files of this type are images that can be written anew."""
    return media_type in _FORMATS


class Images:
    """Writes images anew, at one time one of them, each in a process of its own that ends with it."""

    def __init__(self, most: int, seconds: float = 20, program: str = decoder.__file__) -> None:
        """A picture may take `most` bytes, each image `seconds` of the machine; `program` is the Python file that decodes it."""
        self._most = most
        self._child = BoundedChild(Path(program), seconds, _MAX_CPU_SECONDS, _MAX_MEMORY, most)
        self._free = asyncio.Lock()

    async def rewrite(self, media_type: str, content: bytes) -> bytes | Refusal:
        """The picture alone, in the same format, or why there is none. An image that ends the process has none."""
        async with self._free:
            ended = await self._child.run([content], _FORMATS[media_type], str(self._most))
        if ended.status == decoder.TOO_MANY_PIXELS:
            return TOO_MANY_PIXELS
        if ended.status == decoder.TOO_LARGE:
            return TOO_LARGE
        return ended.output if ended.status == 0 else UNREADABLE
