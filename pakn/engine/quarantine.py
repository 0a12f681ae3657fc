"""Decides from each partition's stored state which record ends the process again and again. Pure.

A process that takes a partition notes so, and takes the note back at an end that it can explain. A note that nobody took back
is an unexplained death: killed, out of memory, or an error that no server answers for. Two of them at the same offset make a
partition a suspect; the records of a suspect are then handed over one at a time, each marked before, so that a further death
names the one that was in hand. Only the mark counts towards quarantine, so no partition answers for another's record.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from pakn.engine.fuse import Blown
from pakn.engine.reachability import SERVER_ERRORS
from pakn.errors import CannotRun, TryAgain
from pakn.settings import QuarantineSettings

Place = TypeVar("Place")
QUARANTINED = "quarantined"
"""What stands beside the committed offset of a partition in quarantine, for readers of another service's progress."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of one partition.

    `at`: the offset that was committed when this was noted. `deaths`: unexplained ones since, with nothing in hand. `in_hand`:
    the offset of the one record that is handled now. `blamed_at`: the record that was in hand at `ends` unexplained deaths.
    `quarantined`: the offset at which the partition is in quarantine.
    """

    at: int = -1
    deaths: int = 0
    in_hand: int | None = None
    blamed_at: int | None = None
    ends: int = 0
    quarantined: int | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """What a new owner finds of a partition; see `begin`."""

    before: Standing
    committed: int
    abandoned: bool


def begin(before: Standing, committed: int, abandoned: bool, limits: QuarantineSettings) -> Standing:
    """What stands of a partition whose new owner reads it from `committed` on.

    `abandoned`: the owner before has not taken its note back. Whatever was committed since is handled, and blames nobody.
    """
    if before.quarantined is not None:
        return before if committed <= before.quarantined else Standing(committed)
    moved = committed != before.at
    deaths = 0 if moved else before.deaths
    blamed_at, ends = before.blamed_at, before.ends
    if blamed_at is None or committed > blamed_at:
        blamed_at, ends = None, 0
    if abandoned and before.in_hand is not None and not moved:
        blamed_at, ends = before.in_hand, ends + 1 if blamed_at == before.in_hand else 1
    elif abandoned:
        deaths += 1
    return Standing(committed, deaths, None, blamed_at, ends, blamed_at if ends >= limits.ends else None)


def begin_all(notes: Mapping[Place, Note], limits: QuarantineSettings) -> dict[Place, Standing]:
    """What stands of all partitions that a process takes at once.

    Where one of them goes into quarantine, what ended the process is found, and whoever was only there is no suspect any more.
    """
    now = {place: begin(note.before, note.committed, note.abandoned, limits) for place, note in notes.items()}
    if all(standing.quarantined == notes[place].before.quarantined for place, standing in now.items()):
        return now
    innocent = {place for place, standing in now.items() if standing.quarantined is None and not standing.ends}
    return {place: Standing(standing.at) if place in innocent else standing for place, standing in now.items()}


def is_suspect(standing: Standing, limits: QuarantineSettings) -> bool:
    """Whether the records of this partition are to be handed over one at a time, each marked before."""
    return standing.quarantined is None and (standing.ends > 0 or standing.deaths >= limits.suspect)


def marked(standing: Standing, at: int, in_hand: int) -> Standing:
    """This record is in hand; between `at`, which is committed, and it there is none."""
    return replace(standing, at=at, in_hand=in_hand)


def released(standing: Standing, limits: QuarantineSettings) -> Standing:
    """Tried again, once: the next death with the same record in hand puts the partition back into quarantine."""
    return replace(standing, quarantined=None, in_hand=None, ends=limits.ends - 1, deaths=limits.suspect)


def skipped(offset: int, limits: QuarantineSettings) -> Standing:
    """The record at `offset` is passed over. Those behind it may be of its kind, so they are handed over one at a time."""
    return Standing(offset + 1, deaths=limits.suspect)


def acquitted(at: int) -> Standing:
    """What could have been in the batch that ended a process is handled up to `at`."""
    return Standing(at)


def is_explained(error: BaseException, on_trial: bool = False) -> bool:
    """Whether this end of a process is a server's or the settings' matter, so that no record answers for it.

    While a record is on trial it answers for a blown fuse too: a process that handles nothing else would end so for ever.
    """
    return isinstance(error, (*SERVER_ERRORS, TryAgain, CannotRun)) and not (on_trial and isinstance(error, Blown))
