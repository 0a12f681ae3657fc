"""One record with many slow files leaves the other parties their turn between two of them, and goes on where it stopped."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest

from pakn.engine.shares import Shares
from pakn.packs.load import Pack
from services.intake import domain
from services.intake.domain import Draft, whole_file
from services.intake.feedback import Feedback
from services.intake.files import images
from services.intake.files.verdict import NotNow, Refusal
from services.intake.inspection import Inspection
from services.intake.reception import SHARE_SECONDS, Reception, Refused, Waits
from services.intake.registration import Registration
from services.intake.unfinished import Unfinished
from tests.support.packs import VN
from tests.unit.services.test_inspection import KEEPING, Store
from tests.unit.services.test_reception import arrival

JPEG = b"\xff\xd8\xff\xe0 photo "


class Pictures:
    """Takes six tenths of a share for each image; those in `unreadable` are refused at the end of it."""

    def __init__(self, result: bytes | Refusal) -> None:
        self.now = 0.0
        self.seen: list[bytes] = []
        self._result = result

    async def rewrite(self, _media_type: str, content: bytes) -> bytes | Refusal:
        self.seen.append(content)
        self.now += SHARE_SECONDS * 0.6
        return self._result


async def register(drafts: Sequence[Draft]) -> list[Registration]:
    return [Registration(domain.register(VN, draft, "PAKN.20260302.0001", "s"), False) for draft in drafts]


async def load(_ids: object) -> dict[str, Feedback]:
    return {}


def inspection(pictures: Pictures, store: Store, pack: Pack = VN) -> Inspection:
    there: Any = pictures
    return Inspection(pack, store, there, unfinished=Unfinished())


@pytest.mark.parametrize(
    ("result", "pack"),
    [(b"picture", VN), (b"picture", KEEPING), (images.UNREADABLE, VN)],
    ids=["kept", "original kept", "refused"],
)
async def test_a_submission_of_five_slow_photos_leaves_others_their_turn_after_its_share(result: Any, pack: Pack) -> None:
    """Its share was looked at after the whole record: five photos kept every other portal waiting for half a minute and more."""
    pictures, store = Pictures(result), Store()
    files = [whole_file("f", index, f"{index}.jpg", JPEG + bytes([index])) for index in range(5)]
    batch = [arrival("slow", portal="slow", files=files), arrival("b", portal="b")]
    made = Reception(pack, inspection(pictures, store, pack).inspect, store.keep, register, load, lambda: pictures.now)
    seen: list[int] = []
    while True:
        slow, other = await made.receive(batch)
        assert isinstance(other, Registration)
        seen.append(len(pictures.seen))
        if not isinstance(slow, Waits):
            break
    assert seen == [2, 4, 5], "two photos a try, and each of them once"
    assert isinstance(slow, Refused if result is images.UNREADABLE else Registration)
    if isinstance(slow, Refused):
        assert [fault.field for fault in slow.faults] == [f"attachments.{index}" for index in range(5)]


async def test_a_request_has_the_seconds_that_it_is_given_and_no_share() -> None:
    pictures, store = Pictures(b"picture"), Store()
    files = [whole_file("f", index, f"{index}.jpg", JPEG + bytes([index])) for index in range(5)]
    made = Reception(VN, inspection(pictures, store).inspect, store.keep, register, load, lambda: pictures.now)
    (answer,) = await made.receive([arrival("by http", portal="slow", files=files)], lambda: 1000 - pictures.now)
    assert isinstance(answer, Registration)


async def test_what_was_looked_into_is_forgotten_when_all_is_done() -> None:
    pictures, store = Pictures(images.UNREADABLE), Store()
    files = [whole_file("f", 0, "a.jpg", JPEG)]
    made = inspection(pictures, store)
    for _ in range(2):
        assert (await made.inspect(files, "f")).faults
    assert len(pictures.seen) == 2


async def test_however_little_is_left_one_file_is_looked_into() -> None:
    """A record that never gets its first file done would wait for ever, with all behind it."""
    pictures, store = Pictures(b"picture"), Store()
    files = [whole_file("f", index, f"{index}.jpg", JPEG + bytes([index])) for index in range(2)]
    none_left: Callable[[], float] = lambda: -1.0  # noqa: E731
    made = inspection(pictures, store)
    with pytest.raises(NotNow):
        await made.inspect(files, "f", "a", none_left)
    assert len((await made.inspect(files, "f", "a", none_left)).files) == 2


def test_a_share_runs_down_while_it_is_taken() -> None:
    now = [0.0]
    shares = Shares(10, lambda: now[0])
    left = partial(shares.left, "a")
    with shares.taking("a"):
        now[0] = 4
        assert left() == 6
    assert (left(), shares.left("b")) == (6, 10)
    now[0] = 50
    assert (left(), shares.is_used_up("a")) == (6, False)


async def test_a_request_whose_turn_does_not_come_in_time_is_to_come_again() -> None:
    """Behind hundreds of photos of others it waited without end."""

    class Held(Pictures):
        async def rewrite(self, _media_type: str, _content: bytes) -> bytes | Refusal:
            held.set()
            await done.wait()
            return b"picture"

    held, done = asyncio.Event(), asyncio.Event()
    made = inspection(Held(b""), Store())
    files = [[whole_file("f", index, f"{index}.jpg", JPEG + bytes([index]))] for index in range(3)]
    others = [asyncio.ensure_future(made.inspect(one, "f", "a")) for one in files[:2]]
    await held.wait()
    with pytest.raises(NotNow):
        await made.inspect(files[2], "f", "b", lambda: 0.01)
    done.set()
    assert [len((await other).files) for other in others] == [1, 1]
