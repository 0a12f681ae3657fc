"""What requests send while it comes: at most so many forms at once, none for too long, and nothing left of what is refused."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Iterable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

from litestar.exceptions import InternalServerException
from pymongo.errors import PyMongoError

from pakn import metrics
from pakn.engine.problems import AnyRequest, Problem, retry_after
from pakn.logs import logger
from pakn.packs.models import Attachments
from schemas.values import Attachment
from services.intake import attachments
from services.intake.domain import File
from services.intake.doors import bodies
from services.intake.doors.bodies import Body, Read
from services.intake.file_store import FileStore, Writing
from services.intake.files.scanner import ScannerAway
from services.intake.rate_limits import Network, is_within, network_of

log = logger(__name__)
MAX_HELD_BYTES = 32 * 1024 * 1024
"""Bytes of unfinished bodies of JSON that are held at once, without the first FREE_BYTES of each; one network may have half."""
FREE_BYTES = 64 * 1024
"""Of each body, so that nobody's large ones keep others from sending what people write."""


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """How many forms come in at once, and the seconds that a body may take and may be silent.

    One network has at most half of the places; those in `unlimited` may have all of them.
    """

    at_once: int
    seconds: float
    silent_seconds: float
    unlimited: Collection[Network] = ()


class Upload:
    """One request's body, whose files are stored already. What is not claimed is removed when the request ends."""

    def __init__(self, body: Body, network: str = "") -> None:
        self.body = body
        self.network = network
        self.claimed: set[str] = set()

    def claim(self, attachments: Iterable[Attachment]) -> None:
        """Leave these files where they are: a feedback has them."""
        self.claimed |= {attachment.id for attachment in attachments}


class Files:
    """The files of one form, one after the other. Those that will be refused are counted and hashed, and not stored."""

    def __init__(self, store: FileStore | None, rules: Attachments, feedback_id: str, new_id: Callable[[], str]) -> None:
        self.begun: list[str] = []
        self._store = store
        self._rules = rules
        self._feedback_id = feedback_id
        self._new_id = new_id
        self._writing: Writing | None = None

    def belong_to(self, feedback_id: str) -> None:
        """Keep the files that come from now on for this feedback."""
        self._feedback_id = feedback_id

    async def write(self, name: str, data: bytes) -> None:
        """Take bytes of the current file, which has this name."""
        writing = self._current(name)
        if writing.size + len(data) > self._rules.max_bytes:
            writing.give_up()
        await writing.write(data)

    async def finish(self, name: str) -> File:
        """End the current file; what comes next belongs to another one."""
        writing, self._writing = self._current(name), None
        if not writing.size:
            writing.give_up()
        return await writing.finish()

    def _current(self, name: str) -> Writing:
        if self._writing is None:
            file_id = self._new_id()
            self.begun.append(file_id)
            store = self._store if len(self.begun) <= self._rules.max_files else None
            self._writing = Writing(store, file_id, name, self._feedback_id)
        return self._writing


class Uploads:
    """The uploads of this process; `new_id` gives a fresh id for each file."""

    def __init__(self, store: FileStore, rules: Attachments, limits: UploadLimits, new_id: Callable[[], str]) -> None:
        self._store = store
        self._rules = rules
        self._limits = limits
        self._new_id = new_id
        # The forms that are under way, by their network.
        self._under_way: Counter[Network | None] = Counter()
        # The bytes of JSON that are held, by their network.
        self._held: Counter[Network | None] = Counter()

    @asynccontextmanager
    async def receiving(
        self, request: AnyRequest, feedback_id: str, *, keep: bool = True, read: Read = bodies.read
    ) -> AsyncIterator[Upload]:
        """Read the body of a request about this feedback by `read`; without `keep` its files are hashed and not stored.

        Raises Problem for what cannot be taken, with 503 where all places, or those of its network, are taken. A failure of the
        block that is no Problem leaves the files to the sweep, since nobody knows then whether a feedback has them.
        """
        if request.content_type[0] != "multipart/form-data":
            files = Files(None, self._rules, feedback_id, self._new_id)
            async with aclosing(self._held_chunks(request)) as chunks:
                body = await read(request.headers.get("Content-Type", ""), chunks, files)
            yield Upload(body)
            return
        network = _network(request)
        if not self._has_place(network):
            metrics.uploads_refused.labels("too_many").inc()
            detail = "As many files as can be taken at once are under way; send yours again in a few seconds."
            raise Problem(503, "too-many-uploads", detail, headers=retry_after())
        self._under_way[network] += 1
        try:
            files = Files(self._store if keep else None, self._rules, feedback_id, self._new_id)
            try:
                body = await read(request.headers.get("Content-Type", ""), self._chunks(request), files)
                upload = Upload(body, str(network))
            except PyMongoError:  # To remove them would take the database too; the sweep does it.
                raise
            except BaseException:  # The sender's end of the connection cancels too.
                await self._discard(files.begun)
                raise
            try:
                yield upload
            except Problem:
                await self._discard(files.begun)
                raise
            except ScannerAway:
                await self._discard(files.begun)
                metrics.uploads_refused.labels("scanner_away").inc()
                detail = "Files cannot be checked for viruses at the moment; send it again in a minute, or without files."
                raise Problem(503, "scanner-away", detail, headers={"Retry-After": "60"}) from None
            await self._discard(files.begun, upload.claimed)
        finally:
            self._under_way[network] -= 1
            # Networks that are gone take no memory.
            self._under_way += Counter()

    def _has_place(self, network: Network | None) -> bool:
        if self._under_way.total() >= self._limits.at_once:
            return False
        half = max(1, self._limits.at_once // 2)
        return self._under_way[network] < half or is_within(network, self._limits.unlimited)

    async def read_json(self, request: AnyRequest) -> bytes:
        """A body of JSON, not parsed. Raises Problem."""
        async with aclosing(self._held_chunks(request)) as chunks:
            return await bodies.read_json(chunks)

    async def _held_chunks(self, request: AnyRequest) -> AsyncGenerator[bytes, None]:
        """The chunks of a body that is held until it is whole. Raises Problem where too much is held, by all or by its network."""
        network, taken, length = _network(request), 0, 0
        try:
            async for chunk in self._chunks(request):
                before, length = length, length + len(chunk)
                more = max(length, FREE_BYTES) - max(before, FREE_BYTES)
                taken += more
                self._held[network] += more
                is_above_share = self._held[network] > MAX_HELD_BYTES // 2 and not is_within(network, self._limits.unlimited)
                if more and (is_above_share or self._held.total() > MAX_HELD_BYTES):
                    metrics.uploads_refused.labels("too_many").inc()
                    detail = "More bodies come in than can be held at once; send yours again in a few seconds."
                    raise Problem(503, "too-many-uploads", detail, headers=retry_after())
                yield chunk
        finally:
            self._held[network] -= taken
            if not self._held[network]:
                del self._held[network]

    async def _chunks(self, request: AnyRequest) -> AsyncIterator[bytes]:
        """The body as it comes, without empty chunks. Raises Problem for a sender who is too slow or goes away."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._limits.seconds
        stream = request.stream()
        try:
            while True:
                async with asyncio.timeout_at(min(end, loop.time() + self._limits.silent_seconds)):
                    chunk = await anext(stream, None)
                if chunk is None:
                    return
                if chunk:
                    yield chunk
        except TimeoutError:
            metrics.uploads_refused.labels("too_slow").inc()
            detail = "The body came too slowly and was not read to its end; send it again on a better line."
            raise Problem(408, "too-slow", detail, headers={"Connection": "close"}) from None
        except InternalServerException:  # The library's word for a connection that has ended.
            raise Problem(400, "body-not-complete", "The connection ended before the body did; send it again.") from None

    async def _discard(self, begun: Iterable[str], claimed: Collection[str] = ()) -> None:
        """Remove these files and what was made of them, but for those that a feedback has."""
        file_ids = [each for file_id in begun for each in (file_id, attachments.picture_id(file_id)) if each not in claimed]
        try:
            await self._store.discard(file_ids)
        except PyMongoError as error:
            log.warning("files_left_to_the_sweep", error=type(error).__name__)


def _network(request: AnyRequest) -> Network | None:
    return network_of(request.client.host if request.client else "")
