"""Failures, named by what to do next: give up on this record (dead letter), try again (bounded), or do not even start."""

from typing import Literal

from schemas.values import Fault

Reason = Literal[
    "unreadable",
    "unknown_type",
    "unknown_schema",
    "invalid",
    "unknown_sender",
    "missing_case",
    "missing_rule_set",
    "unexpected",
    "unsavable",
    "quarantined",
]


class GiveUp(Exception):
    """No repetition mends this record: it goes to the service's dead-letter topic with `reason` and the text.

    `faults` list each place that is wrong, where the sender gets an answer; without a text of its own they are the text.
    `code` is that of the feedback which the sender registered under this id before.
    """

    def __init__(self, reason: Reason, text: str = "", faults: tuple[Fault, ...] = (), code: str | None = None) -> None:
        super().__init__(text or "; ".join(f"{fault.field}: {fault.message}" for fault in faults))
        self.reason: Reason = reason
        self.faults = faults
        self.code = code


def describe(error: BaseException) -> str:
    """An error for logs and dead letters: its type, with a code or with text that cannot hold what a citizen wrote.

    The text of a validation error or of a bulk write quotes whole documents, so only texts of known origin are shown.
    """
    name = type(error).__name__
    if isinstance(error, OSError | GiveUp | TryAgain | CannotRun) or type(error).__module__.startswith("aiokafka"):
        return f"{name}: {error}"[:500]
    code = getattr(error, "code", None)
    return name if code is None else f"{name} (code {code})"


class TryAgain(Exception):
    """The turn could not be finished now, for example because another instance wrote the same case at the same time."""


class CannotRun(Exception):
    """What this process was started with cannot be used; the text says, fault by fault, what to correct."""
