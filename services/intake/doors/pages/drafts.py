"""The files of forms that are not sent yet: kept between the steps, bounded, and swept with all that no feedback has."""

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from services.intake import attachments
from services.intake.domain import File
from services.intake.file_store import FileStore

_PICTURE: Final = attachments.picture_id("")


class Drafts:
    """The kept files of each draft, by the id of the feedback that it may become."""

    def __init__(self, files: FileStore) -> None:
        self._files = files

    async def kept(self, feedback_id: str) -> list[File]:
        """The files that a draft has on the server, in the order in which they came; their hour begins anew."""
        return [file for file in await self._files.of_feedback(feedback_id) if not file.id.endswith(_PICTURE)]

    async def drop(self, files: Sequence[File], wanted: Collection[str]) -> list[File]:
        """Remove those of a draft's `files` whose ids are `wanted`, and return the others."""
        gone = [file.id for file in files if file.id in wanted]
        await self._files.discard(each for id in gone for each in (id, attachments.picture_id(id)))
        return [file for file in files if file.id not in wanted]

    async def forget(self, file_ids: Iterable[str]) -> None:
        """Remove files. Raises PyMongoError."""
        await self._files.discard(file_ids)


def repeated(files: Sequence[File]) -> set[str]:
    """The ids of files that have the name and the content of one before them: a step was sent again whose answer had got lost."""
    seen: set[tuple[str, str]] = set()
    found = set()
    for file in files:
        if (same := (file.name, file.sha256)) in seen:
            found.add(file.id)
        seen.add(same)
    return found
