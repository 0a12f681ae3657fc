"""Images are decoded and written anew, so that nothing of a file but its picture is kept: no place, no device, no thumbnail.

What is run here is run in a process of its own (`image_process`), since an image may be made to exhaust whoever decodes it.
"""

import contextlib
import functools
import io
import os
import struct
import sys
from pathlib import Path
from typing import Final

from PIL import Image, ImageOps

from services.intake.files.verdict import Refusal

# Larger than what phones write by default; decoded and turned, such an image takes 240 MB.
MAX_PIXELS: Final = 40_000_000
MAX_MEMORY: Final = 1024 * 1024 * 1024

_FORMATS: Final = {"image/jpeg": "JPEG", "image/png": "PNG", "image/gif": "GIF", "image/webp": "WEBP"}
# The ways of keeping a pixel that each format is written with as they are; others become RGB.
_MODES: Final = {
    "JPEG": {"L", "RGB"},
    "PNG": {"1", "L", "LA", "P", "RGB", "RGBA", "I;16"},
    "GIF": {"L", "P", "RGBA"},
    "WEBP": {"RGB", "RGBA"},
}
# What the decoders raise on broken files.
_BROKEN: Final = (
    OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError, AttributeError, ArithmeticError, struct.error,
    MemoryError, RuntimeError,
)  # fmt: skip

UNREADABLE: Final = Refusal("file_content_differs", "the image cannot be read; open it, save it again and send that")
TOO_MANY_PIXELS: Final = Refusal(
    "file_too_large", f"the image has more than {MAX_PIXELS // 1_000_000} million pixels; send a smaller one"
)


def is_image(media_type: str) -> bool:
    """Whether files of this type are images that can be written anew."""
    return media_type in _FORMATS


def rewrite(media_type: str, content: bytes) -> bytes | Refusal:
    """The picture of an image, turned as its camera was held, written anew in its format. Of an animation the first frame."""
    kind = _FORMATS[media_type]
    try:
        with Image.open(io.BytesIO(content), formats=[kind]) as image:
            if image.width * image.height > MAX_PIXELS:
                return TOO_MANY_PIXELS
            image.load()
            # A photo whose metadata are broken is a photo all the same.
            with contextlib.suppress(*_BROKEN):
                ImageOps.exif_transpose(image, in_place=True)
            return _written(image, kind)
    except Image.DecompressionBombError:
        return TOO_MANY_PIXELS
    except _BROKEN:
        return UNREADABLE


def rewrite_bounded(media_type: str, content: bytes) -> bytes | Refusal:
    """The same as `rewrite`, in a process that it bounds for good: never call it in a service's own."""
    _bound_this_process()
    return rewrite(media_type, content)


def _written(image: Image.Image, kind: str) -> bytes:
    transparent = image.has_transparency_data and kind != "JPEG"
    wanted = "RGBA" if transparent else image.mode if image.mode in _MODES[kind] else "RGB"
    if transparent and image.mode == "LA" and kind == "PNG":
        wanted = "LA"
    picture: Image.Image = image if image.mode == wanted else image.convert(wanted)
    picture.info = {}
    written = io.BytesIO()
    if kind == "JPEG":
        picture.save(written, kind, quality=85)
    else:
        picture.save(written, kind)
    return written.getvalue()


@functools.cache
def _bound_this_process() -> None:
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # The requests of others come first, and where memory is short this process ends before the service does.
    os.nice(10)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
