"""Images are written anew, so that nothing of a file but its picture is kept: no place, no device, no thumbnail."""

import asyncio
import sys
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import Final

from services.intake.files import decoder
from services.intake.files.verdict import Refusal

_FORMATS: Final = {"image/jpeg": "JPEG", "image/png": "PNG", "image/gif": "GIF", "image/webp": "WEBP"}

UNREADABLE: Final = Refusal("file_content_differs", "the image cannot be read; open it, save it again and send that")
TOO_MANY_PIXELS: Final = Refusal(
    "file_too_large", f"the image has more than {decoder.MAX_PIXELS // 1_000_000} million pixels; send a smaller one"
)


def is_image(media_type: str) -> bool:
    """Whether files of this type are images that can be written anew."""
    return media_type in _FORMATS


class Images:
    """Writes images anew, at one time one of them, each in a process of its own that ends with it."""

    def __init__(self, seconds: float = 20, program: str = decoder.__file__) -> None:
        """`seconds` of the machine are given to each image; `program` is the Python file that decodes it."""
        self._seconds = seconds
        self._program = Path(program)
        self._free = asyncio.Lock()

    async def rewrite(self, media_type: str, content: bytes) -> bytes | Refusal:
        """The picture alone, in the same format, or why there is none. An image that ends the process has none."""
        # Isolated, and with an environment that is empty: the secrets of a service stand in its own.
        command = (sys.executable, "-I", str(self._program), _FORMATS[media_type])
        async with self._free:
            process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env={})
            try:
                async with asyncio.timeout(self._seconds):
                    picture, _ = await process.communicate(content)
            except TimeoutError:
                return UNREADABLE
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        if process.returncode == decoder.TOO_MANY_PIXELS:
            return TOO_MANY_PIXELS
        return UNREADABLE if process.returncode else picture
