"""Of an image only its picture is kept, and no image costs anybody but its sender anything."""

import asyncio
import io
import os
import random
import signal
import struct
import zlib

import pytest
from PIL import Image, ImageCms
from PIL.ExifTags import GPS, IFD, Base
from PIL.PngImagePlugin import PngInfo

from services.intake.files import images
from services.intake.files.image_process import ImageProcess
from services.intake.files.verdict import Refusal

SECRET = b"10.7769N-106.7009E"
TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")


def photo(media_type: str, mode: str = "RGB", size: tuple[int, int] = (40, 20), orientation: int = 6) -> bytes:
    """An image, red on its left and blue on its right, with the secret wherever its format can hold text."""
    picture = Image.new("RGB", size, "blue")
    picture.paste("red", (0, 0, size[0] // 2, size[1]))
    exif = Image.Exif()
    exif[Base.Orientation] = orientation
    exif[Base.ImageDescription] = SECRET.decode()
    exif.get_ifd(IFD.GPSInfo)[GPS.GPSMapDatum] = SECRET.decode()
    text = PngInfo()
    text.add_text("Comment", SECRET.decode())
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes() + SECRET
    more = {"exif": exif, "icc_profile": profile, "comment": SECRET, "xmp": b"<x>" + SECRET + b"</x>", "pnginfo": text}
    written = io.BytesIO()
    picture = picture.convert(mode)
    if mode.endswith("A"):
        picture.putalpha(128)
    picture.save(written, media_type.partition("/")[2].upper(), **more)
    return written.getvalue() + SECRET


def opened(content: bytes | Refusal) -> Image.Image:
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
    kept = images.rewrite(media_type, sent)
    assert isinstance(kept, bytes)
    assert SECRET not in kept
    assert not opened(kept).getexif()
    assert opened(kept).get_format_mimetype() == media_type


@pytest.mark.parametrize("media_type", ["image/jpeg", "image/png", "image/webp"])
def test_a_photo_stands_as_the_camera_was_held(media_type: str) -> None:
    """Without its metadata a viewer cannot turn it any more."""
    picture = opened(images.rewrite(media_type, photo(media_type))).convert("RGB")
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
    assert opened(images.rewrite(media_type, photo(media_type, mode))).mode == kept


def test_broken_metadata_make_no_broken_photo() -> None:
    sent = bytearray(photo("image/jpeg"))
    at = sent.index(b"Exif\0\0") + 6
    sent[at + 2 : at + 40] = b"\xff" * 38
    assert opened(images.rewrite("image/jpeg", bytes(sent))).format == "JPEG"


@pytest.mark.parametrize("media_type", TYPES)
def test_no_broken_image_does_more_than_be_refused(media_type: str) -> None:
    whole, made = photo(media_type), random.Random(12)
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(made.randrange(1, 10)):
            data[made.randrange(len(data))] = made.randrange(256)
        found = images.rewrite(media_type, bytes(data[: made.randrange(1, len(data))] if made.random() < 0.3 else data))
        assert isinstance(found, bytes) or found in (images.UNREADABLE, images.TOO_MANY_PIXELS)


@pytest.mark.parametrize("size", [(6400, 6400), (20_000, 20_000), (2**31 - 1, 1)])
def test_an_image_of_too_many_pixels_is_refused_before_it_is_decoded(size: tuple[int, int]) -> None:
    assert images.rewrite("image/png", png_of(*size)) == images.TOO_MANY_PIXELS


def exhausting(_media_type: str, content: bytes) -> bytes:
    """Stands for an image that finds a fault of a decoder."""
    if content == b"ends":
        os.kill(os.getpid(), signal.SIGKILL)
    while True:
        pass


async def test_an_image_that_takes_too_long_or_ends_its_process_is_refused_and_the_next_one_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    impatient, patient = ImageProcess(seconds=1), ImageProcess()
    assert opened(await patient.rewrite("image/jpeg", photo("image/jpeg"))).format == "JPEG"
    with monkeypatch.context() as patched:
        patched.setattr(images, "rewrite_bounded", exhausting)
        assert await impatient.rewrite("image/png", b"endless") == images.UNREADABLE
        assert await patient.rewrite("image/png", b"ends") == images.UNREADABLE
    both = await asyncio.gather(*(patient.rewrite("image/jpeg", content) for content in (b"none", photo("image/jpeg"))))
    assert both[0] == images.UNREADABLE
    assert opened(both[1]).format == "JPEG"
