"""A batch with many files takes long, and a process that goes on with it is none that hangs."""

import asyncio
from types import SimpleNamespace

import pytest

from pakn.engine import progress
from pakn.engine.progress import Progress
from services.intake.domain import whole_file
from services.intake.feedback import Feedback
from services.intake.files.images import Images
from services.intake.inspection import Inspection
from services.intake.reception import Reception
from services.intake.registration import Registration
from tests.support.files import PDF
from tests.support.packs import VN
from tests.unit.services.test_inspection import Store
from tests.unit.services.test_reception import arrival
from tests.unit.services.test_scanner import clamd, listening

STALL = 120.0


async def test_a_batch_whose_files_take_long_goes_on_as_long_as_each_is_done_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process was ended in the middle of hundreds of photos, and the records were held for an operator."""
    now = 1000.0
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: now))
    made = Progress(lambda: frozenset(), STALL)
    stalled: list[bool] = []

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal now
        now += STALL - 1
        stalled.append(made.is_stalled)
        await clamd(reader, writer)

    async def register(_drafts: object) -> list[Registration]:
        return []

    async def load(_ids: object) -> dict[str, Feedback]:
        return {}

    files = [whole_file("f", 0, "a.pdf", PDF), whole_file("f", 1, "b.pdf", PDF)]
    arrivals = [arrival(cause, {}, files=files) for cause in "abc"]
    store = Store()
    async with listening(slow) as scanner:
        inspection = Inspection(VN, store, Images(10_000_000), scanner, made.excuse)
        await Reception(VN, inspection.inspect, store.keep, register, load).receive(arrivals)
    assert stalled == [False] * 6
    assert made.seconds == 6 * (STALL - 1), "it is no progress all the same"
    now += STALL + 1
    assert made.is_stalled, "a file that is never done is a process that hangs"
