"""What is known of the files of records that wait, so that a later try goes on where the one before stopped."""

from collections import Counter, OrderedDict
from collections.abc import Iterable
from typing import Final, NamedTuple

from services.intake.domain import File
from services.intake.files.verdict import Refusal

_MOST: Final = 10_000
MOST_TRIES: Final = 10
"""So often a file of a record is tried that is not looked into in time. Between two tries lies half a minute."""


class Looked(NamedTuple):
    """What came of a look into a file: why it is refused, or whether it was scanned and whether its picture is kept instead."""

    refusal: Refusal | None = None
    scanned: bool = False
    is_picture: bool = False


class Unfinished:
    """The files that were looked into for records that could not be finished yet, at most 10,000 of them.

    Without it a record whose files take longer than its party's share would begin anew each time, and never end.
    """

    def __init__(self) -> None:
        self._looked: OrderedDict[tuple[str, str], Looked] = OrderedDict()
        self._late: Counter[tuple[str, str]] = Counter()

    def find(self, file: File) -> Looked | None:
        """What came of this file in an earlier try."""
        return self._looked.get(_key(file))

    def note(self, file: File, looked: Looked) -> None:
        """Keep this for the next try."""
        self._looked[_key(file)] = looked
        if len(self._looked) > _MOST:
            self._looked.popitem(last=False)

    def is_late_for_good(self, file: File) -> bool:
        """Count a try of this file that was not done in time; whether it was the last one."""
        if len(self._late) >= _MOST:
            self._late.clear()
        self._late[_key(file)] += 1
        return self._late[_key(file)] >= MOST_TRIES

    def forget(self, files: Iterable[File]) -> None:
        """All of these are done."""
        for file in files:
            self._looked.pop(_key(file), None)
            self._late.pop(_key(file), None)


def _key(file: File) -> tuple[str, str]:
    # An id holds a part of the digest only, for which somebody might make a second content.
    return file.id, file.sha256
