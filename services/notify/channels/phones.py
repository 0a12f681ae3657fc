"""Reads phone numbers as senders write them, and tells which of them are mobile numbers of the pack's country. Pure."""

import re
from typing import Final

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType

from schemas.composed import HIDDEN

_APART: Final = re.compile(r"[\s.()\-\u2010-\u2013]")
# The library takes more for digits: the letter O, and those of every script. E.164 has at most 15, after 00 at most.
_NUMBER: Final = re.compile(r"\+?[0-9]{5,17}")
# In some countries, such as the United States, a number does not tell.
_MOBILE: Final = frozenset({PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE})


def mobile_number(text: str, region: str) -> str | None:
    """The number in E.164 (`+84912345678`), or None for what is no mobile number of `region` (two letters, ISO 3166-1).

    Text messages to other countries cost many times as much, and strangers get a share of it by sending in such numbers.
    """
    number = _parsed(text, region)
    if number is None or not phonenumbers.is_valid_number_for_region(number, region):
        return None
    if phonenumbers.number_type(number) not in _MOBILE:
        return None
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def national_form(number: str) -> str:
    """A number in E.164 as it is dialled in its own country, without spaces: `0912345678`."""
    parsed = phonenumbers.parse(number)
    return re.sub(r"\D", "", phonenumbers.format_number(parsed, PhoneNumberFormat.NATIONAL))


def _parsed(text: str, region: str) -> phonenumbers.PhoneNumber | None:
    plain = _APART.sub("", HIDDEN.sub("", text))
    if not _NUMBER.fullmatch(plain):
        return None
    try:
        return phonenumbers.parse(plain, region)
    except NumberParseException:
        return None
