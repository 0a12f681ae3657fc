"""Addresses of mail as senders write them, brought into the one form that every mail server takes."""

from typing import Annotated, Final

from email_validator import validate_email
from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from schemas.composed import HIDDEN

# Longer than any address (254, RFC 5321), since hidden characters and spaces around it are still to go.
_LONGEST: Final = 320
_PATTERN: Final = r"^\s*[^\s@]+@[^\s@]+\s*$"
_DOTS: Final = (".", "\u3002", "\uff0e", "\uff61")


def mail_address(text: str) -> str:
    """The address in ASCII, its domain by IDNA 2008, without hidden characters, outer spaces and a final dot.

    Raises ValueError if no letter can go there, or only by a mail server that takes letters outside ASCII before the @ (RFC 6531).
    """
    if len(text) > _LONGEST:
        raise ValueError("longer than any address")
    shown = HIDDEN.sub("", text).strip()
    if "=?" in shown:
        raise ValueError("a program that reads the letter's headers would decode a part of it (RFC 2047)")
    if shown.endswith(_DOTS):
        shown = shown[:-1]
    found = validate_email(shown, check_deliverability=False, allow_smtputf8=False, strict=True)
    return found.ascii_email or shown


def _taken(text: str) -> str:
    try:
        return mail_address(text)
    except ValueError:
        # The words stand with those of the other faults: the library's own are about rules that a citizen does not know.
        raise PydanticCustomError("mail_address", "no address that mail can go to") from None


MailAddress = Annotated[
    str,
    AfterValidator(_taken),
    WithJsonSchema(
        {
            "type": "string",
            "maxLength": _LONGEST,
            "pattern": _PATTERN,
            "description": "where letters go, by the rules of mail: a to z, digits and marks before the @, a domain after it. "
            "Hidden characters, outer spaces and a final dot are removed, and a domain outside ASCII is kept in its ASCII form",
        }
    ),
]
