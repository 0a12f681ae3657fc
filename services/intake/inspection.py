"""What is done with the files of a request once they are there: each is looked into, scanned, and images are written anew."""

import io
import math
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import NamedTuple, Protocol

from pakn import metrics
from pakn.errors import describe
from pakn.logs import logger
from pakn.packs.load import Pack
from pakn.packs.media_types import media_type_of
from schemas.values import Fault
from services.intake import attachments, domain
from services.intake.domain import File
from services.intake.fair_turns import FairTurns
from services.intake.files import content, images, names
from services.intake.files.scanner import NOT_CHECKED, Scanner, ScannerAway
from services.intake.files.verdict import NotNow, Refusal
from services.intake.unfinished import Looked, Unfinished

log = logger(__name__)
# Each is held whole while it is looked into.
_AT_ONCE = 2


def for_ever() -> float:
    """So many seconds has whoever is not bounded."""
    return math.inf


class OutOfTime(NotNow):
    """The files of whoever sent this have had their time; what was looked into is known at the next try."""


class Store(Protocol):
    """Where files are, see `FileStore`."""

    async def read(self, file_id: str) -> bytes | None:
        """The bytes of a file."""

    async def find(self, file_id: str) -> tuple[int, str] | None:
        """Size and SHA-256 of a whole file."""

    async def keep(self, file: File, feedback_id: str) -> None:
        """Store a file that is held whole."""


class Inspected(NamedTuple):
    """Files as they are to be kept, in the order in which they were sent, and what is wrong with those that were sent."""

    files: list[File]
    faults: list[Fault]


class Inspection:
    """Looks into files. Without a `scanner` they are taken as they are, and marked as not scanned.

    `goes_on` is called after each file: a batch of hundreds takes longer than a process may be without a sign of life.
    """

    def __init__(
        self,
        pack: Pack,
        store: Store,
        pictures: images.Images,
        scanner: Scanner | None = None,
        goes_on: Callable[[], None] = lambda: None,
        unfinished: Unfinished | None = None,
    ) -> None:
        """Without `unfinished` nothing is known at a next try, and no image is refused because it was late again and again:
        whoever asks by HTTP sends new files each time, and is told himself to come again."""
        self._pack = pack
        self._store = store
        self._pictures = pictures
        self._scanner = scanner
        self._goes_on = goes_on
        self._turns = FairTurns(_AT_ONCE)
        self._unfinished = unfinished

    async def inspect(
        self, files: Sequence[File], feedback_id: str, party: str = "", left: Callable[[], float] = for_ever
    ) -> Inspected:
        """What to keep of the files of this feedback, which wait for one of each other `party` at most, each time.

        `left` are the seconds that there are for them. A file that has its turn is looked into; where none are left for the next,
        it raises OutOfTime, and the same files given again go on with that one.
        May be repeated. Raises PyMongoError, and NotNow.
        A picture that was written anew is stored under an id of its own (`attachments.picture_id`).
        """
        found = Inspected([], [*attachments.check(self._pack, files)])
        faulty = {fault.field for fault in found.faults}
        has_looked = False
        for index, file in enumerate(files):
            field = f"attachments.{index}"
            kept: File | Refusal = file
            # Where there are too many files, none of them is worth the work.
            if field not in faulty and "attachments" not in faulty:
                again = await self._looked_before(file)
                if again is None:
                    if has_looked and left() <= 0:
                        raise OutOfTime("the files of this sender have had their share of the time")
                    again = await self._in_turn(file, feedback_id, party, left)
                    self._note(file, again)
                    has_looked = True
                    self._goes_on()
                kept = again
            if isinstance(kept, Refusal):
                found.faults.append(kept.fault(field))
                kept = file
            found.files.append(kept)
        if self._unfinished:
            self._unfinished.forget(files)
        return found

    async def _looked_before(self, file: File) -> File | Refusal | None:
        """What came of this file in an earlier try; none where it is to be looked into."""
        known = self._unfinished.find(file) if self._unfinished else None
        if known is None:
            return None
        if known.refusal:
            return known.refusal
        kept = await self._kept_picture(file) if known.is_picture else file
        return kept and replace(kept, scanned=known.scanned)

    def _note(self, file: File, kept: File | Refusal) -> None:
        if self._unfinished is None:
            return
        if isinstance(kept, Refusal):
            self._unfinished.note(file, Looked(kept))
        else:
            self._unfinished.note(file, Looked(scanned=kept.scanned, is_picture=kept.id != file.id))

    async def _kept_picture(self, file: File) -> File | None:
        """The picture that an earlier try has kept of this image. Another release could write other bytes than a feedback names."""
        picture_id = attachments.picture_id(file.id)
        known = await self._store.find(picture_id)
        return known and replace(file, id=picture_id, size=known[0], sha256=known[1], content=None)

    async def _in_turn(self, file: File, feedback_id: str, party: str, left: Callable[[], float]) -> File | Refusal:
        async with AsyncExitStack() as turn:
            try:
                await turn.enter_async_context(self._turns.turn(party, left()))
            except TimeoutError:
                raise OutOfTime("the files of others were before these for as long as they could wait") from None
            return await self._look_into(file, feedback_id)

    async def _look_into(self, file: File, feedback_id: str) -> File | Refusal:
        kind = media_type_of(names.tidy(file.name))
        data = file.content if file.content is not None else await self._store.read(file.id)
        if kind is None or data is None:
            # It was only counted, for a request that is not taken whatever its files hold.
            return file
        if refusal := content.refusal(kind, io.BytesIO(data)):
            return refusal
        scanned = await self._scan(data)
        if isinstance(scanned, Refusal):
            return scanned
        if not images.is_image(kind):
            return replace(file, scanned=scanned)
        kept = await self._picture(file, kind, data, feedback_id)
        return kept if isinstance(kept, Refusal) else replace(kept, scanned=scanned)

    async def _scan(self, data: bytes) -> bool | Refusal:
        if self._scanner is None:
            metrics.files_scanned.labels("not_scanned").inc()
            return False
        try:
            refusal = await self._scanner.scan(data)
        except ScannerAway as error:
            metrics.files_scanned.labels("away").inc()
            log.warning("scanner_away", error=describe(error))
            raise
        metrics.files_scanned.labels("not_checked" if refusal is NOT_CHECKED else "refused" if refusal else "clean").inc()
        return refusal or True

    async def _picture(self, file: File, kind: str, data: bytes, feedback_id: str) -> File | Refusal:
        if known := await self._kept_picture(file):
            # A portal's record comes again.
            return known
        try:
            picture = await self._pictures.rewrite(kind, data)
        except images.Late as error:
            log.warning("image_late", error=describe(error))
            if self._unfinished and self._unfinished.is_late_for_good(file):
                return images.NOT_IN_TIME
            raise
        if self._pack.header.attachments.keep_originals and (picture is images.TOO_LARGE or not isinstance(picture, Refusal)):
            return file
        if isinstance(picture, Refusal):
            return picture
        kept = domain.held_file(attachments.picture_id(file.id), file.name, picture)
        await self._store.keep(kept, feedback_id)
        return replace(kept, content=None)
