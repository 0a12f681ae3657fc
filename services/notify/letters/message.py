"""Writes a letter as bytes for SMTP: headers, and the plain and HTML text as alternatives.

The standard library's message object takes three times as long as rendering and sending together, mostly for headers that
need no folding. Here its header classes write only headers that are long or not ASCII.
"""

import base64
import binascii
from collections.abc import Sequence
from email.headerregistry import Address
from email.policy import SMTP as POLICY
from typing import Final

_LINE_MAX: Final = 78
_CRLF: Final = b"\r\n"


def build(headers: Sequence[tuple[str, str | Address]], boundary: str, text: str, html: str) -> bytes:
    """The whole message, 7-bit, with CRLF line ends. Raises ValueError if a header's value has a line break.

    `boundary` is an id of hexadecimal digits and hyphens. No encoded text can contain it with `=_` before it.
    """
    mark = f"=_{boundary}"
    lines = [header(name, value) for name, value in headers]
    lines.append(header("MIME-Version", "1.0"))
    lines.append(f'Content-Type: multipart/alternative;\r\n boundary="{mark}"\r\n\r\n'.encode())
    for kind, body in (("plain", text), ("html", html)):
        encoding, data = encode(body)
        lines.append(f'--{mark}\r\nContent-Type: text/{kind}; charset="utf-8"\r\n'.encode())
        lines.append(f"Content-Transfer-Encoding: {encoding}\r\n\r\n".encode())
        lines += [data, _CRLF]
    lines.append(f"--{mark}--\r\n".encode())
    return b"".join(lines)


def header(name: str, value: str | Address) -> bytes:
    """One header with its line end, folded and encoded if necessary. Raises ValueError on a line break in `value`."""
    if isinstance(value, str) and value.isascii() and value.isprintable() and len(name) + 2 + len(value) <= _LINE_MAX:
        return f"{name}: {value}\r\n".encode()
    _, parsed = POLICY.header_store_parse(name, value)
    folded: str = parsed.fold(policy=POLICY)
    return folded.encode("ascii")


def encode(text: str) -> tuple[str, bytes]:
    """The name and the bytes of the shorter of the two encodings that every mail server takes; lines end in CRLF."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n").encode()
    quoted = binascii.b2a_qp(plain, istext=True).replace(b"\n", _CRLF)
    packed = base64.encodebytes(plain.replace(b"\n", _CRLF)).replace(b"\n", _CRLF)
    return ("quoted-printable", quoted) if len(quoted) <= len(packed) else ("base64", packed)
