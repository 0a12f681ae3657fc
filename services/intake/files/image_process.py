"""The process in which images are decoded: one, at a time one image, and it is ended when an image takes too long."""

import asyncio

from anyio import BrokenWorkerProcess, to_process

from services.intake.files import images
from services.intake.files.verdict import Refusal


class ImageProcess:
    """Writes images anew, one after the other. The process starts with the first image and is used for the next ones."""

    def __init__(self, seconds: float = 20) -> None:
        """`seconds` of the machine are given to each image."""
        self._seconds = seconds
        self._free = asyncio.Lock()

    async def rewrite(self, media_type: str, content: bytes) -> bytes | Refusal:
        """The picture alone, in the same format, or why there is none. An image that ends the process has none."""
        async with self._free:
            try:
                async with asyncio.timeout(self._seconds):
                    return await to_process.run_sync(images.rewrite_bounded, media_type, content, cancellable=True)
            except (TimeoutError, BrokenWorkerProcess, MemoryError):
                return images.UNREADABLE
