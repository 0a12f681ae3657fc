"""What a text message is charged as: one message, or several parts of a long one (3GPP TS 23.038, 6 and TS 23.040, 9.2.3.24). Pure.

A text of the GSM 7-bit alphabet has room for 160 letters, any other for 70 (UCS-2). In a long one each part also holds its
number, and so 153 or 67.
"""

import unicodedata
from typing import Final

from anyascii import anyascii

_BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
# Each of these is written with an escape before it.
_ESCAPED: Final = frozenset("^{}\\[~]|€\f")
_GSM_7: Final = (160, 153)
_UCS_2: Final = (70, 67)


def is_gsm_7(text: str) -> bool:
    """Whether every letter of `text` is in the GSM 7-bit alphabet, which has no Vietnamese letters with two marks."""
    return all(letter in _BASIC or letter in _ESCAPED for letter in text)


def count(text: str) -> int:
    """How many parts `text` is charged as, at least 1. No part ends inside an escape or a pair of surrogates."""
    if is_gsm_7(text):
        widths, (alone, each) = [2 if letter in _ESCAPED else 1 for letter in text], _GSM_7
    else:
        widths, (alone, each) = [2 if ord(letter) > 0xFFFF else 1 for letter in text], _UCS_2
    if sum(widths) <= alone:
        return 1
    parts, used = 1, 0
    for width in widths:
        if used + width > each:
            parts, used = parts + 1, 0
        used += width
    return parts


def written(text: str, *, diacritics: bool) -> str:
    """`text` as it is sent: composed, so that `ế` is one letter and not three; or in ASCII letters, all of them of GSM 7-bit."""
    composed = unicodedata.normalize("NFC", text)
    return composed if diacritics else anyascii(composed).replace("`", "'")
