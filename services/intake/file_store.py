"""The bytes of files in GridFS, written piece by piece, and a sweep of those that no feedback has.

The pieces are written here and not by the driver, which holds up to 32 MB of a file before it writes the first. Their form is
GridFS's own, so the driver and other tools read them. A file's document comes before its pieces: whatever ends in between,
the sweep finds what was left.
"""

import hashlib
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from pakn.engine import mongo
from pakn.engine.mongo import Database
from services.intake.domain import HEAD_BYTES, File

PIECE_BYTES: Final = 1024 * 1024
# No request lasts so long, so a file of that age without a feedback will never have one.
SWEPT_AFTER: Final = timedelta(hours=1)


class Writing:
    """A file while it comes in: at most one piece of it is held."""

    def __init__(self, store: "FileStore | None", file_id: str, name: str, feedback_id: str) -> None:
        """Without a `store` the bytes are counted and hashed only."""
        self.id = file_id
        self.name = name
        self.size = 0
        self._store = store
        self._feedback_id = feedback_id
        self._sha256 = hashlib.sha256()
        self._head = b""
        self._held = bytearray()
        self._pieces = 0

    async def write(self, data: bytes) -> None:
        """Take more bytes of the file. Raises PyMongoError."""
        self.size += len(data)
        self._sha256.update(data)
        self._head += data[: HEAD_BYTES - len(self._head)]
        if self._store is None:
            return
        self._held += data
        while len(self._held) >= PIECE_BYTES:
            await self._write_piece(self._store)

    def give_up(self) -> None:
        """Write nothing more of it: what comes is counted and hashed only."""
        self._store = None
        self._held.clear()

    async def finish(self) -> File:
        """The file, which is whole in the database where it was to be stored. Raises PyMongoError."""
        found = File(self.name, self.id, self.size, self._sha256.hexdigest(), self._head)
        if self._store is not None:
            if self._held or not self._pieces:
                await self._write_piece(self._store)
            await self._store.complete(found)
        return found

    async def _write_piece(self, store: "FileStore") -> None:
        if not self._pieces:
            await store.begin(self.id, self.name, self._feedback_id)
        await store.add_piece(self.id, self._pieces, bytes(self._held[:PIECE_BYTES]))
        del self._held[:PIECE_BYTES]
        self._pieces += 1


class Reading(NamedTuple):
    """A file that is read: its size in bytes, and its pieces, each fetched when it is asked for.

    A piece may raise PyMongoError, and LookupError where the file was removed meanwhile.
    """

    size: int
    pieces: AsyncIterator[bytes]


class FileStore:
    """The files of one database; `now` gives the machine's time. Every method may raise PyMongoError."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._files = database["fs.files"]
        self._pieces = database["fs.chunks"]
        self._feedbacks = database["feedbacks"]
        self._now = now

    async def prepare(self) -> None:
        """Create the indexes that are missing: GridFS's own of the pieces, the sweep's, and that of a draft's files."""
        await self._pieces.create_index([("files_id", 1), ("n", 1)], unique=True)
        await self._files.create_index([("metadata.unclaimed", 1), ("uploadDate", 1)])
        await self._files.create_index("metadata.feedback_id")

    async def begin(self, file_id: str, name: str, feedback_id: str) -> None:
        """Note that the pieces of a file come; raises DuplicateKeyError where its id exists."""
        metadata = {"feedback_id": feedback_id, "unclaimed": True}
        row = {"_id": file_id, "filename": name, "length": 0, "chunkSize": PIECE_BYTES, "uploadDate": self._now()}
        await self._files.insert_one(row | {"metadata": metadata})

    async def add_piece(self, file_id: str, number: int, data: bytes) -> None:
        """Write one piece; all but the last have PIECE_BYTES."""
        await self._pieces.insert_one({"files_id": file_id, "n": number, "data": data})

    async def complete(self, file: File) -> None:
        """Note that all pieces are written."""
        values = {"length": file.size, "metadata.sha256": file.sha256}
        await self._files.update_one({"_id": file.id}, {"$set": values})

    async def keep(self, file: File, feedback_id: str) -> None:
        """Store a file that came inside a record. May be repeated; what an interrupted try has left is replaced."""
        # Its time begins anew, so that no sweep takes it for one that was left.
        again = {"$set": {"uploadDate": self._now()}}
        if (await self._files.update_one({"_id": file.id, "metadata.sha256": file.sha256}, again)).matched_count:
            return
        await self.discard([file.id])
        writing = Writing(self, file.id, file.name, feedback_id)
        await writing.write(file.content or b"")
        await writing.finish()

    async def find(self, file_id: str) -> tuple[int, str] | None:
        """Size in bytes and SHA-256 of a file that is whole; none when there is none. Its time begins anew, as in `keep`."""
        whole = {"_id": file_id, "metadata.sha256": {"$exists": True}}
        if not (await self._files.update_one(whole, {"$set": {"uploadDate": self._now()}})).matched_count:
            return None
        row = await self._files.find_one(whole)
        return row and (row["length"], row["metadata"]["sha256"])

    async def of_feedback(self, feedback_id: str) -> list[File]:
        """The whole files that came in for a feedback, registered or not, by their ids; their time begins anew, as in `keep`."""
        whole = {"metadata.feedback_id": feedback_id, "metadata.sha256": {"$exists": True}}
        await self._files.update_many(whole, {"$set": {"uploadDate": self._now()}})
        rows = await self._files.find(whole).sort("_id", 1).to_list(None)
        found = []
        for row in rows:
            first = await self._pieces.find_one({"files_id": row["_id"], "n": 0})
            head = bytes(first["data"])[:HEAD_BYTES] if first else b""
            found.append(File(row["filename"], row["_id"], row["length"], row["metadata"]["sha256"], head))
        return found

    async def open(self, file_id: str) -> Reading | None:
        """A file to be read piece by piece; none when there is no such file."""
        row = await self._files.find_one({"_id": file_id})
        return row and Reading(row["length"], self._read_pieces(file_id, -(-row["length"] // row["chunkSize"])))

    async def _read_pieces(self, file_id: str, count: int) -> AsyncIterator[bytes]:
        # The driver's own stream asks for many pieces at once, up to 16 MB of them.
        for number in range(count):
            # A reader who goes away cancels this again and again.
            piece = await mongo.whole(self._pieces.find_one({"files_id": file_id, "n": number}))
            if piece is None:
                raise LookupError(f"piece {number} of file {file_id} is not there any more")
            yield bytes(piece["data"])

    async def read(self, file_id: str) -> bytes | None:
        """All bytes of a file; none when there is no such file."""
        file = await self.open(file_id)
        return file and b"".join([piece async for piece in file.pieces])

    async def discard(self, file_ids: Iterable[str]) -> None:
        """Remove files, whole or not; those that do not exist are passed over."""
        wanted = list(file_ids)
        if wanted:
            # The document goes last, so that an interrupted removal is found again.
            await self._pieces.delete_many({"files_id": {"$in": wanted}})
            await self._files.delete_many({"_id": {"$in": wanted}})

    async def sweep(self, limit: int = 1000) -> int:
        """Remove files that are older than an hour and that no feedback has; returns how many. Looks at `limit` of them.

        A file that a feedback has is not looked at again.
        """
        old = {"metadata.unclaimed": True, "uploadDate": {"$lt": self._now() - SWEPT_AFTER}}
        rows = await self._files.find(old, {"metadata.feedback_id": 1}).limit(limit).to_list(None)
        owners = {row["metadata"]["feedback_id"] for row in rows}
        cases = await self._feedbacks.find({"_id": {"$in": list(owners)}}, {"attachments.id": 1, "reply_files.id": 1}).to_list(None)
        claimed = {file["id"] for case in cases for kind in ("attachments", "reply_files") for file in case.get(kind, ())}
        kept = [row["_id"] for row in rows if row["_id"] in claimed]
        if kept:
            await self._files.update_many({"_id": {"$in": kept}}, {"$set": {"metadata.unclaimed": False}})
        left = [row["_id"] for row in rows if row["_id"] not in claimed]
        await self.discard(left)
        return len(left)
