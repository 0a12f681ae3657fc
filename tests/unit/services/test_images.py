"""Of an image only its picture is kept, and no image costs anybody but its sender anything."""

import asyncio
import io
import random
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from services.intake.files import decoder, images
from services.intake.files.images import Images
from services.intake.files.verdict import Refusal
from tests.support.photos import SECRET, photo

MOST = 10_000_000
TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")


def kind(media_type: str) -> str:
    return media_type.partition("/")[2].upper()


def rewritten(kind: str, content: bytes) -> bytes | int:
    return decoder.rewrite(kind, content, MOST)


def opened(content: bytes | int | Refusal) -> Image.Image:
    assert isinstance(content, bytes), content
    return Image.open(io.BytesIO(content))


def png_of(width: int, height: int) -> bytes:
    """A PNG that says it has so many pixels, and unfolds to them."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(10_000_000), 9)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("media_type", TYPES)
def test_no_word_of_a_photo_is_kept_but_its_picture(media_type: str) -> None:
    """A citizen's photo told the public where he lives and which telephone he has."""
    sent = photo(media_type)
    assert SECRET in sent
    kept = rewritten(kind(media_type), sent)
    assert isinstance(kept, bytes)
    assert SECRET not in kept
    assert not opened(kept).getexif()
    assert opened(kept).get_format_mimetype() == media_type


@pytest.mark.parametrize("media_type", ["image/jpeg", "image/png", "image/webp"])
def test_a_photo_stands_as_the_camera_was_held(media_type: str) -> None:
    """Without its metadata a viewer cannot turn it any more."""
    picture = opened(rewritten(kind(media_type), photo(media_type))).convert("RGB")
    assert picture.size == (20, 40)
    upper, lower = picture.getpixel((10, 5)), picture.getpixel((10, 35))
    assert isinstance(upper, tuple)
    assert isinstance(lower, tuple)
    assert upper[0] > 200 > 60 > upper[2]
    assert lower[2] > 200 > 60 > lower[0]


@pytest.mark.parametrize(
    ("media_type", "mode", "kept"),
    [
        ("image/jpeg", "CMYK", "RGB"),
        ("image/jpeg", "L", "L"),
        ("image/png", "RGBA", "RGBA"),
        ("image/png", "LA", "LA"),
        ("image/png", "P", "P"),
        ("image/png", "1", "1"),
        ("image/webp", "RGBA", "RGBA"),
    ],
)
def test_a_picture_keeps_its_colours_and_what_shines_through(media_type: str, mode: str, kept: str) -> None:
    assert opened(rewritten(kind(media_type), photo(media_type, mode))).mode == kept


def test_broken_metadata_make_no_broken_photo() -> None:
    sent = bytearray(photo("image/jpeg"))
    at = sent.index(b"Exif\0\0") + 6
    sent[at + 2 : at + 40] = b"\xff" * 38
    assert opened(rewritten("JPEG", bytes(sent))).format == "JPEG"


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("media_type", TYPES)
def test_no_broken_image_does_more_than_be_refused(media_type: str) -> None:
    whole, made = photo(media_type), random.Random(12)
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(made.randrange(1, 10)):
            data[made.randrange(len(data))] = made.randrange(256)
        found = rewritten(kind(media_type), bytes(data[: made.randrange(1, len(data))] if made.random() < 0.3 else data))
        assert isinstance(found, bytes) or found in (decoder.UNREADABLE, decoder.TOO_MANY_PIXELS)


@pytest.mark.parametrize("size", [(6400, 6400), (20_000, 20_000), (2**31 - 1, 1)])
def test_an_image_of_too_many_pixels_is_refused_before_it_is_decoded(size: tuple[int, int]) -> None:
    assert rewritten("PNG", png_of(*size)) == decoder.TOO_MANY_PIXELS


@pytest.mark.parametrize("program", ["while True: pass", "import os; os.abort()", "print('x'); raise MemoryError", "x ="])
async def test_an_image_that_takes_too_long_or_ends_its_process_is_refused(tmp_path: Path, program: str) -> None:
    """These programs stand for images that find a fault of a decoder."""
    (tmp_path / "decoder.py").write_text(program)
    hasty = Images(MOST, seconds=300, cpu_seconds=1, program=str(tmp_path / "decoder.py"))
    assert await hasty.rewrite("image/png", bytes(1_000_000)) == images.UNREADABLE


async def test_images_are_written_anew_beside_those_that_cannot_be() -> None:
    sent = [b"none", photo("image/jpeg"), png_of(6400, 6400), photo("image/jpeg")]
    types = ["image/jpeg", "image/jpeg", "image/png", "image/jpeg"]
    together = Images(MOST)
    first, second, third, fourth = await asyncio.gather(*map(together.rewrite, types, sent))
    assert (first, third) == (images.UNREADABLE, images.TOO_MANY_PIXELS)
    assert second == fourth == rewritten("JPEG", sent[1])


def progressive(scans: int) -> bytes:
    """A progressive photo whose last scan comes so many times more."""
    written = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(written, "JPEG", progressive=True)
    content = written.getvalue().removesuffix(b"\xff\xd9")
    last = content[content.rindex(b"\xff\xda") :]
    return content + last * scans + b"\xff\xd9"


def test_a_photo_of_countless_scans_is_refused_before_it_is_decoded() -> None:
    """33 KB with 500 scans of 40 million pixels took 20 seconds, in which nobody else's photos were looked at."""
    assert opened(rewritten("JPEG", progressive(0))).size == (64, 64)
    assert rewritten("JPEG", progressive(500)) == decoder.UNREADABLE


def test_a_png_is_packed_by_the_quick_way() -> None:
    """48 KB of 40 million pixels, chosen for it, took 16 seconds to be packed anew."""
    written = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(written, "PNG")
    packed = rewritten("PNG", written.getvalue())
    assert isinstance(packed, bytes)
    # The two lowest ways of zlib have this head (RFC 1950, FLEVEL).
    assert packed[packed.index(b"IDAT") + 4 :][:2] == b"\x78\x01"


@pytest.mark.parametrize("media_type", ["image/png", "image/jpeg"])
def test_a_picture_that_would_be_too_large_is_packed_smaller_or_refused(media_type: str) -> None:
    """An image of 0.9 MB, made for it, was kept as a picture of 117 MB."""
    sent, name = io.BytesIO(), kind(media_type)
    Image.linear_gradient("L").resize((400, 400)).convert("RGB").save(sent, name)
    best = decoder.rewrite(name, sent.getvalue(), MOST)
    assert isinstance(best, bytes)
    smaller = decoder.rewrite(name, sent.getvalue(), len(best) - 1)
    assert isinstance(smaller, bytes)
    assert len(smaller) < len(best)
    assert opened(smaller).size == (400, 400)
    assert decoder.rewrite(name, sent.getvalue(), 1000) == decoder.TOO_LARGE


async def test_whose_picture_is_too_large_is_told_to_send_a_smaller_one() -> None:
    assert await Images(100).rewrite("image/png", photo("image/png")) is images.TOO_LARGE
