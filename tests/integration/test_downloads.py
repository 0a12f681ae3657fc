"""A download holds a piece of its file at a time, however large the file and however slow its reader."""

import asyncio
import hashlib
import tracemalloc
from typing import Any

import pytest
from litestar.exceptions import LitestarException

from services.intake.file_store import PIECE_BYTES, FileStore, Writing
from tests.integration.test_intake_http import PDF, form
from tests.support.outside_world import GOOD
from tests.support.system import START, System

LARGE = 20 * 1024 * 1024


async def with_large_file(system: System) -> tuple[dict[str, Any], str, str]:
    """A feedback whose file has 20 MB, its path, and the SHA-256."""
    body = (await system.http.post("/v1/feedback", **form(GOOD, ("Đơn kiến nghị.pdf", PDF)))).json()
    (file,) = (await system.view(body, secret=True))["attachments"]
    store, sha256 = FileStore(system.documents("intake"), lambda: START), hashlib.sha256()
    await store.discard([file["id"]])
    writing = Writing(store, file["id"], file["name"], body["feedback_id"])
    for number in range(LARGE // PIECE_BYTES):
        piece = bytes([number]) * PIECE_BYTES
        sha256.update(piece)
        await writing.write(piece)
    await writing.finish()
    return body, f"/v1/feedback/{body['code']}/attachments/{file['id']}", sha256.hexdigest()


class Reader:
    """A client that keeps nothing of what it gets; `cut_after` bytes it goes away."""

    def __init__(self, cut_after: int = 1 << 40) -> None:
        self.headers: dict[str, str] = {}
        self.status, self.received, self.largest, self.whole = 0, 0, 0, False
        self.sha256 = hashlib.sha256()
        self._cut_after = cut_after
        self._gone = asyncio.Event()
        self._asked = False

    async def get(self, app: Any, path: str, secret: str) -> None:
        scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http", "path": path}
        scope |= {"raw_path": path.encode(), "query_string": b"", "root_path": "", "client": ("127.0.0.1", 1), "server": ("s", 80)}
        await app(scope | {"headers": [(b"x-lookup-secret", secret.encode())], "state": {}}, self._receive, self._send)

    async def _receive(self) -> dict[str, Any]:
        if self._asked:
            await self._gone.wait()
            return {"type": "http.disconnect"}
        self._asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode().lower(): value.decode() for name, value in message["headers"]}
            return
        piece = message.get("body", b"")
        self.received, self.largest = self.received + len(piece), max(self.largest, len(piece))
        self.sha256.update(piece)
        self.whole = not message.get("more_body", False)
        # A server says that the connection has ended after the whole answer too.
        if self.whole or self.received > self._cut_after:
            self._gone.set()
            await asyncio.sleep(0)


async def test_a_download_of_20_megabytes_takes_a_few_of_memory_and_has_its_name_length_and_type(system: System) -> None:
    """The whole file was held for each of them: fifty readers of 10 MB took 500 MB."""
    body, path, sha256 = await with_large_file(system)
    app, reader = system.services["intake"].app, Reader()
    tracemalloc.start()
    try:
        await reader.get(app, path, body["lookup_secret"])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (reader.status, reader.received, reader.whole, reader.sha256.hexdigest()) == (200, LARGE, True, sha256)
    assert reader.largest <= PIECE_BYTES
    assert peak < 6 * PIECE_BYTES
    assert reader.headers["content-length"] == str(LARGE)
    assert reader.headers["content-type"].startswith("application/pdf")
    assert "filename*=UTF-8''%C4%90%C6%A1n%20ki%E1%BA%BFn%20ngh%E1%BB%8B.pdf" in reader.headers["content-disposition"]


async def test_a_reader_who_goes_away_ends_the_reading_of_the_file(system: System) -> None:
    body, path, _ = await with_large_file(system)
    reader = Reader(cut_after=2 * PIECE_BYTES)
    await reader.get(system.services["intake"].app, path, body["lookup_secret"])
    assert reader.received < LARGE / 2


async def test_a_file_that_is_removed_while_it_is_read_ends_the_answer_short_of_its_length(system: System) -> None:
    """Whoever reads must not take a part for the whole."""
    body, path, _ = await with_large_file(system)
    await system.documents("intake")["fs.chunks"].delete_one({"files_id": path.rpartition("/")[2], "n": 5})
    reader = Reader()
    with pytest.raises(LitestarException, match="after response started"):  # The server closes the connection then.
        await reader.get(system.services["intake"].app, path, body["lookup_secret"])
    assert reader.received == 5 * PIECE_BYTES
    assert not reader.whole
