"""Photos with a secret wherever their format can hold text, as cameras and telephones write them."""

import io
from typing import Any, Final

from PIL import Image, ImageCms
from PIL.ExifTags import GPS, IFD, Base
from PIL.PngImagePlugin import PngInfo

SECRET: Final = b"10.7769N-106.7009E"


def photo(media_type: str, mode: str = "RGB", size: tuple[int, int] = (40, 20), orientation: int = 6) -> bytes:
    """An image, red on its left and blue on its right, which its camera has turned."""
    picture = Image.new("RGB", size, "blue")
    picture.paste("red", (0, 0, size[0] // 2, size[1]))
    exif = Image.Exif()
    exif[Base.Orientation] = orientation
    exif[Base.ImageDescription] = SECRET.decode()
    exif.get_ifd(IFD.GPSInfo)[GPS.GPSMapDatum] = SECRET.decode()
    text = PngInfo()
    text.add_text("Comment", SECRET.decode())
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes() + SECRET
    more: dict[str, Any] = {
        "exif": exif, "icc_profile": profile, "comment": SECRET, "xmp": b"<x>" + SECRET + b"</x>", "pnginfo": text
    }  # fmt: skip
    written = io.BytesIO()
    picture = picture.convert(mode)
    if mode.endswith("A"):
        picture.putalpha(128)
    picture.save(written, media_type.partition("/")[2].upper(), **more)
    return written.getvalue() + SECRET
