"""Names of a form's parts, as browsers and the clients of other languages write them (RFC 7578, RFC 2231, RFC 2047)."""

import re
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import collapse_rfc2231_value

from multipart import MultipartSegment  # type: ignore[import-untyped]

_EXTENDED = re.compile(r";\s*filename\*", re.IGNORECASE)
_WORD = r"=\?([^?*\s]+)(?:\*[^?\s]*)?\?[bq]\?[^?\s]*\?="
_ENCODED_WORD = re.compile(_WORD, re.IGNORECASE)
_ENCODED_WORDS = re.compile(rf"{_WORD}(?:\s+{_WORD})*", re.IGNORECASE)
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
    if name is None:
        return None
    # Some clients send the whole path on the sender's machine, which is nobody's business. Halves of characters cannot be stored.
    return re.split(r"[/\\]", name)[-1].encode("utf-8", "replace").decode()


def _extended_name(header: str) -> str | None:
    message = Message()
    message["Content-Disposition"] = header
    try:
        params = message.get_params([], "content-disposition")
    except Exception:  # The parser raises whatever a crafted header brings about, such as TypeError.
        return None
    for key, value in params:
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
        # Decoded is only what was found here: the library also takes words for encoded that have spaces in them.
        return _ENCODED_WORDS.sub(lambda words: str(make_header(decode_header(words[0]))), name)
    except (HeaderParseError, LookupError, UnicodeError):
        return name
