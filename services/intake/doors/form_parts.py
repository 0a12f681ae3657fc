"""Names of a form's parts, as browsers and the clients of other languages write them (RFC 7578, RFC 2231, RFC 2047)."""

import re
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import collapse_rfc2231_value

from multipart import MultipartSegment  # type: ignore[import-untyped]

_EXTENDED = re.compile(r";\s*filename\*", re.IGNORECASE)
_ENCODED_WORD = re.compile(r"=\?([^?*\s]+)[^?\s]*\?[bq]\?[^?\s]*\?=", re.IGNORECASE)
# Those that RFC 8187 knows. Python knows a hundred more; some make text that is none, and some unpack.
_CHARSETS = {"utf-8", "iso-8859-1", "us-ascii"}


def file_name(part: MultipartSegment) -> str | None:
    """The last element of the file's name, which may be empty; none when the part is no file.

    `filename*` goes before `filename` (RFC 6266), which older clients fill with encoded words.
    """
    header = str(part.header("Content-Disposition", ""))
    name = _extended_name(header) if _EXTENDED.search(header) else None
    if name is None and part.filename is not None:
        name = _decoded(part.filename)
    # Some clients send the whole path on the sender's machine, which is nobody's business.
    return None if name is None else re.split(r"[/\\]", name)[-1]


def _extended_name(header: str) -> str | None:
    message = Message()
    message["Content-Disposition"] = header
    for key, value in message.get_params([], "content-disposition"):
        if key.lower() != "filename" or not isinstance(value, tuple):
            continue
        charset, _, text = value
        if (charset or "utf-8").lower() not in _CHARSETS:
            return None
        # A client that leaves letters as they are has sent them in the charset of all headers.
        return text if any(ord(letter) > 255 for letter in text) else collapse_rfc2231_value((charset or "utf-8", "", text))
    return None


def _decoded(name: str) -> str:
    charsets = {found.lower() for found in _ENCODED_WORD.findall(name)}
    if not charsets or charsets - _CHARSETS:
        return name
    try:
        return str(make_header(decode_header(name)))
    except (HeaderParseError, LookupError, UnicodeError):
        return name
