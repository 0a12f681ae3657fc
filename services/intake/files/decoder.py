"""A program of its own: decodes an image from standard input and writes its picture anew to standard output.

It imports nothing of ours, and is to be run as a bounded child: an image may be made to exhaust or to take over whoever decodes
it. Its status says what came of it.
"""

import contextlib
import io
import struct
import sys
from typing import Final

from PIL import Image, ImageOps

UNREADABLE: Final = 3
TOO_MANY_PIXELS: Final = 4
TOO_LARGE: Final = 5
# Larger than what phones write by default; decoded and turned, such an image takes 240 MB.
MAX_PIXELS: Final = 40_000_000

# Progressive photos have about ten. Each scan goes over all pixels again, however few bytes it has.
MAX_SCANS: Final = 64
_SCAN: Final = b"\xff\xda"

# The ways of keeping a pixel that each format is written with as they are; others become RGB.
_MODES: Final = {
    "JPEG": {"L", "RGB"},
    "PNG": {"1", "L", "LA", "P", "RGB", "RGBA", "I;16"},
    "GIF": {"L", "P", "RGBA"},
    "WEBP": {"RGB", "RGBA"},
}
# How a picture is written: first as it is best or soonest done, then, if that makes it too large, smaller. Searching for the
# shortest form of a PNG takes a quarter of a minute for pixels that are chosen for it.
_WAYS: Final[dict[str, tuple[dict[str, int], ...]]] = {
    "JPEG": ({"quality": 85}, {"quality": 60}),
    "PNG": ({"compress_level": 1}, {"compress_level": 4}),
    "GIF": ({},),
    "WEBP": ({},),
}
# What the decoders raise on broken files.
_BROKEN: Final = (
    OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError, AttributeError, ArithmeticError, struct.error,
    MemoryError, RuntimeError,
)  # fmt: skip


def rewrite(kind: str, content: bytes, most: int) -> bytes | int:
    """The picture of an image, turned as its camera was held, written anew in the same format, or a status that says why not.

    `kind` is the format by Pillow's name, `most` how many bytes the picture may take. Of an animation the first frame is kept.
    """
    if kind == "JPEG" and content.count(_SCAN) > MAX_SCANS:
        return UNREADABLE
    try:
        with Image.open(io.BytesIO(content), formats=[kind]) as image:
            if image.width * image.height > MAX_PIXELS:
                return TOO_MANY_PIXELS
            image.load()
            # A photo whose metadata are broken is a photo all the same.
            with contextlib.suppress(*_BROKEN):
                ImageOps.exif_transpose(image, in_place=True)
            return _written(image, kind, most)
    except Image.DecompressionBombError:
        return TOO_MANY_PIXELS
    except _BROKEN:
        return UNREADABLE


def _written(image: Image.Image, kind: str, most: int) -> bytes | int:
    transparent = image.has_transparency_data and kind != "JPEG"
    wanted = "RGBA" if transparent else image.mode if image.mode in _MODES[kind] else "RGB"
    if transparent and image.mode == "LA" and kind == "PNG":
        wanted = "LA"
    picture: Image.Image = image if image.mode == wanted else image.convert(wanted)
    picture.info = {}
    for way in _WAYS[kind]:
        written = io.BytesIO()
        picture.save(written, kind, **way)
        if written.tell() <= most:
            return written.getvalue()
    return TOO_LARGE


def main() -> None:
    """Decode once: the arguments are the format and how many bytes the picture may take."""
    found = rewrite(sys.argv[1], sys.stdin.buffer.read(), int(sys.argv[2]))
    if isinstance(found, int):
        sys.exit(found)
    sys.stdout.buffer.write(found)


if __name__ == "__main__":
    main()
