"""Why a file is not taken."""

from typing import NamedTuple

from pakn.errors import TryAgain
from schemas.values import Fault


class NotNow(TryAgain):
    """A file cannot be looked into to its end at this moment, and nothing is wrong with it; the same is to come again later."""


class Refusal(NamedTuple):
    """A code of `schemas.values.FAULT_CODES`, and in words what to send instead."""

    code: str
    message: str

    def fault(self, field: str) -> Fault:
        """The fault of the file that stands in `field`."""
        return Fault(field=field, code=self.code, message=self.message)


def differs(expected: str) -> Refusal:
    """The content is no `expected`, such as `pdf`."""
    return Refusal("file_content_differs", f"the content is not what the name says ({expected})")


PROTECTED = Refusal("file_protected", "the file is protected by a password; save it without one")
MACROS = Refusal("file_not_safe", "the file holds macros; save it without them")
