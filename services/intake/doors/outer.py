"""What a portal puts around a submission, read for itself where the submission inside is wrong."""

import contextlib
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ValidationError

from schemas.portal_submission import InlineFiles
from schemas.values import SentTime

_LONGEST_REFERENCE = 1000  # Longer ones are no references; the portal's topic would not take an answer with 9 MB.


class Outer(BaseModel):
    """The fields that are a portal's and not its user's; absent where they are wrong."""

    reference: Annotated[str, AfterValidator(lambda text: text[:_LONGEST_REFERENCE])] | None = None
    sent_at: SentTime | None = None
    attachments: InlineFiles = ()


def read(raw: Mapping[str, Any]) -> Outer:
    """Each field by itself: one of a wrong shape, of which the check of the whole tells, hides no fault of another."""
    found: dict[str, Any] = {}
    for name in Outer.model_fields.keys() & raw.keys():
        with contextlib.suppress(ValidationError):
            found[name] = getattr(Outer.model_validate({name: raw[name]}), name)
    return Outer.model_construct(**found)
