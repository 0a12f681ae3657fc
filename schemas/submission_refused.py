"""From intake to a portal, in `outbox.<portal>`."""

from pydantic import AwareDatetime

from schemas.envelope import Event
from schemas.values import Fault


class SubmissionRefused(Event):
    """To a portal, in its own topic: its submission could not be registered, with every fault at once.

    Nothing that a portal sends is dropped in silence.
    """

    submission_id: str
    reference: str | None = None
    portal: str
    faults: tuple[Fault, ...]
    refused_at: AwareDatetime
