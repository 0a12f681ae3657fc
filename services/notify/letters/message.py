"""Writes a letter as bytes for SMTP: headers, and the plain and HTML text as alternatives.

The standard library folds headers slowly, and before Python 3.13 it loses spaces between encoded words and the quotes of a
long name. So headers are written here: a text that is not short and plain becomes encoded words (RFC 2047) as a whole.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from email.headerregistry import Address
from typing import Final

# RFC 5322, 2.1.1, without the line end: what a line should have at most, and what it must not exceed.
_LINE_MAX: Final = 78
_LINE_LIMIT: Final = 998
# RFC 2047, 2: an encoded word has at most 75 characters, a line with one at most 76. The frame takes 12 of them.
_WORD_LINE_MAX: Final = 76
_WORD: Final = b"=?utf-8?b?%b?="
_WORD_FRAME: Final = 12
_LONGEST_CHARACTER: Final = 4
_CRLF: Final = b"\r\n"
_FOLD: Final = b"\r\n "
_LINE_BREAK = re.compile(r"[\r\n]")
# A phrase of RFC 5322 that needs no quotes.
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")


def build(headers: Sequence[bytes], boundary: str, text: str, html: str) -> bytes:
    """The whole message, 7-bit, with CRLF line ends. `headers` are lines of this file's functions.

    `boundary` is an id of hexadecimal digits and hyphens. No encoded text can contain it with `=_` before it.
    """
    mark = f"=_{boundary}"
    lines = [*headers, b"MIME-Version: 1.0\r\n"]
    lines.append(f'Content-Type: multipart/alternative;\r\n boundary="{mark}"\r\n\r\n'.encode())
    for kind, body in (("plain", text), ("html", html)):
        encoding, data = encode(body)
        lines.append(f'--{mark}\r\nContent-Type: text/{kind}; charset="utf-8"\r\n'.encode())
        lines.append(f"Content-Transfer-Encoding: {encoding}\r\n\r\n".encode())
        lines += [data, _CRLF]
    lines.append(f"--{mark}--\r\n".encode())
    return b"".join(lines)


def token_header(name: str, value: str) -> bytes:
    """A header of ids, dates or words of a standard, which no reader would decode. Raises ValueError if it is not plain ASCII."""
    line = f"{name}: {value}"
    if not (value.isascii() and value.isprintable() and len(line) <= _LINE_LIMIT):
        raise ValueError(f"{name} is no line of printable ASCII")
    return line.encode() + _CRLF


def text_header(name: str, value: str) -> bytes:
    """A header that people read, such as a subject, of any characters but line breaks. Raises ValueError on those."""
    if _is_plain(value) and value == value.strip() and len(name) + 2 + len(value) <= _LINE_MAX:
        return f"{name}: {value}\r\n".encode()
    return name.encode() + b": " + _words(value, len(name) + 2) + _CRLF


def address_header(name: str, address: Address) -> bytes:
    """A header with one addressee, whatever is in the display name. Raises ValueError on a line break in it."""
    spec = token_header(name, address.addr_spec)
    display = address.display_name
    if not display.strip():
        return spec
    tail = f"<{address.addr_spec}>"
    if _is_plain(display):
        quoted = display if _ATOMS.fullmatch(display) else '"' + re.sub(r'(["\\])', r"\\\1", display) + '"'
        line = f"{name}: {quoted} {tail}"
        # Readers make one space of several between quotes; encoded words keep them.
        if len(line) <= _LINE_MAX and display == " ".join(display.split()):
            return line.encode() + _CRLF
    return name.encode() + b": " + _words(display, len(name) + 2) + _FOLD + tail.encode() + _CRLF


def _is_plain(value: str) -> bool:
    """Whether `value` stands for itself. Some readers decode what looks like an encoded word, even between quotes."""
    return value.isascii() and value.isprintable() and "=?" not in value


def _words(value: str, used: int) -> bytes:
    """`value` as encoded words, one a line; `used` characters stand before the first. Raises ValueError on a line break.

    Readers join the words without the space that folds them, so no space of the text is lost. Each word holds whole
    characters, as RFC 2047, 5 (3) asks.
    """
    if _LINE_BREAK.search(value):
        raise ValueError("a header's value has a line break")
    data = value.encode()
    words = []
    start, line_starts_at = 0, used
    while start < len(data):
        room = (_WORD_LINE_MAX - line_starts_at - _WORD_FRAME) // 4 * 3
        end = min(start + max(room, _LONGEST_CHARACTER), len(data))
        while end < len(data) and data[end] & 0b1100_0000 == 0b1000_0000:
            end -= 1
        words.append(_WORD % binascii.b2a_base64(data[start:end], newline=False))
        start, line_starts_at = end, 1
    return _FOLD.join(words)


def encode(text: str) -> tuple[str, bytes]:
    """The name and the bytes of the shorter of the two encodings that every mail server takes; lines end in CRLF."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n").encode()
    quoted = binascii.b2a_qp(plain, istext=True).replace(b"\n", _CRLF)
    packed = base64.encodebytes(plain.replace(b"\n", _CRLF)).replace(b"\n", _CRLF)
    return ("quoted-printable", quoted) if len(quoted) <= len(packed) else ("base64", packed)
