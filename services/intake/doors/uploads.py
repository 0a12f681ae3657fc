"""What requests send while it comes: at most so many forms at once, none for too long, and nothing left of what is refused.

A form has its place while it comes. Whole, it waits for its files to be looked into, where there is room for four times as many.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Iterable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
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
from services.intake.files.verdict import NotNow
from services.intake.inspection import for_ever
from services.intake.rate_limits import Network, network_of
from services.intake.rations import Rations, home_of

log = logger(__name__)
MAX_HELD_BYTES = 32 * 1024 * 1024
"""Bytes of unfinished bodies of JSON that are held at once, without the first FREE_BYTES of each."""
MAX_WAITING_BYTES = 512 * 1024 * 1024
"""Bytes of files in the database that wait to be looked into for requests that are not answered yet."""
_COME_AGAIN = "As many files as can be taken at once are under way; send yours again in a few seconds."
_WAITING = 4
# Also whoever took all of his time to send has so many seconds until his files have their turns.
_AT_LEAST_SECONDS = 60.0
FREE_BYTES = 64 * 1024
"""Of each body, so that nobody's large ones keep others from sending what people write."""


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """How many forms come in at once, and the seconds that a body may take and may be silent.

    No network has all of the places, see `Rations`; those in `unlimited` may have them.
    """

    at_once: int
    seconds: float
    silent_seconds: float
    unlimited: Collection[Network] = ()


class Upload:
    """One request's body, whose files are stored already. What is not claimed is removed when the request ends.

    Its files are looked into in the turns of `party`, and `left` gives the seconds that there are for it.
    """

    def __init__(self, body: Body, party: str = "", left: Callable[[], float] = for_ever) -> None:
        self.body = body
        self.party = party
        self.left = left
        self.claimed: set[str] = set()

    def claim(self, attachments: Iterable[Attachment]) -> None:
        """Leave these files where they are: a feedback has them."""
        self.claimed |= {attachment.id for attachment in attachments}

    def keep(self, files: Iterable[File]) -> None:
        """Leave these files and their pictures where they are: a form that is not sent yet has them."""
        self.claimed |= {each for file in files for each in (file.id, attachments.picture_id(file.id))}


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
        self._coming = Rations(limits.at_once, 1, limits.unlimited)
        self._waiting = Rations(limits.at_once * _WAITING, 1, limits.unlimited)
        largest = rules.max_files * rules.max_bytes
        self._waiting_bytes = Rations(max(MAX_WAITING_BYTES, 2 * largest), largest, limits.unlimited)
        self._held = Rations(MAX_HELD_BYTES, bodies.MAX_JSON_BYTES, limits.unlimited)

    @asynccontextmanager
    async def receiving(
        self, request: AnyRequest, feedback_id: str, *, keep: bool = True, read: Read = bodies.read
    ) -> AsyncIterator[Upload]:
        """Read the body of a request about this feedback by `read`; without `keep` its files are hashed and not stored.

        Raises Problem for what cannot be taken, with 503 where all places, or those of its network, are taken. A failure of the
        block that is no Problem leaves the files to the sweep, since nobody knows then whether a feedback has them. NotNow of the
        block becomes a Problem.
        """
        if request.content_type[0] != "multipart/form-data":
            files = Files(None, self._rules, feedback_id, self._new_id)
            async with aclosing(self._held_chunks(request)) as chunks:
                body = await read(request.headers.get("Content-Type", ""), chunks, files)
            yield Upload(body)
            return
        network, began = _network(request), asyncio.get_running_loop().time()
        files = Files(self._store if keep else None, self._rules, feedback_id, self._new_id)
        if not self._waiting.has(network, 1):
            raise _too_many(_COME_AGAIN)  # Before he sends anything that could not wait afterwards.
        try:
            with self._holding(self._coming, network, 1):
                body = await read(request.headers.get("Content-Type", ""), self._chunks(request), files)
        except PyMongoError:  # To remove them would take the database too; the sweep does it.
            raise
        except BaseException:  # The sender's end of the connection cancels too.
            await self._discard(files.begun)
            raise
        size = sum(file.size for file in body.files)
        upload = Upload(body, str(home_of(network)), self._left(began))
        try:
            with self._holding(self._waiting, network, 1), self._holding(self._waiting_bytes, network, size):
                yield upload
        except Problem:
            await self._discard(files.begun)
            raise
        except NotNow as error:
            await self._discard(files.begun)
            raise _not_now(error) from None
        await self._discard(files.begun, upload.claimed)

    @contextmanager
    def _holding(self, rations: Rations, network: Network | None, amount: int) -> Iterator[None]:
        """Hold this much until the block ends. Raises Problem 503 where it may not be had."""
        if not rations.take(network, amount):
            raise _too_many(_COME_AGAIN)
        try:
            yield
        finally:
            rations.give(network, amount)

    def _left(self, began: float) -> Callable[[], float]:
        """The seconds of a request that are left for its files, which is whole now and began then."""
        loop, seconds = asyncio.get_running_loop(), self._limits.seconds
        until = max(began + seconds, loop.time() + min(seconds, _AT_LEAST_SECONDS))
        return lambda: until - loop.time()

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
                if more and not self._held.take(network, more):
                    raise _too_many("More bodies come in than can be held at once; send yours again in a few seconds.")
                taken += more
                yield chunk
        finally:
            self._held.give(network, taken)

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


def _too_many(detail: str) -> Problem:
    metrics.uploads_refused.labels("too_many").inc()
    return Problem(503, "too-many-uploads", detail, headers=retry_after())


def _not_now(error: NotNow) -> Problem:
    """The answer where files could not be looked into: 503, and when to come back."""
    if isinstance(error, ScannerAway):
        metrics.uploads_refused.labels("scanner_away").inc()
        detail = "Files cannot be checked for viruses at the moment; send it again in a minute, or without files."
        return Problem(503, "scanner-away", detail, headers={"Retry-After": "60"})
    metrics.uploads_refused.labels("too_busy").inc()
    detail = "The files could not be looked into in time, since there is much to do; send it again in a minute, or without files."
    return Problem(503, "too-busy", detail, headers={"Retry-After": str(60 + int(retry_after()["Retry-After"]))})


def _network(request: AnyRequest) -> Network | None:
    return network_of(request.client.host if request.client else "")
