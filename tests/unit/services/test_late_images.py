"""A busy machine refuses no good photo: whoever sent it is told to come again, and a record waits, though not for ever."""

from pathlib import Path
from typing import Any

import pytest

from pakn import metrics
from pakn.engine.problems import Problem
from services.intake.files import images
from services.intake.files.images import Images, Late
from services.intake.inspection import Inspection
from services.intake.reception import Reception, Refused, Waits
from services.intake.registration import Registration
from services.intake.unfinished import MOST_TRIES, Unfinished
from tests.support.packs import VN
from tests.support.photos import photo
from tests.unit.services.test_inspection import Store
from tests.unit.services.test_reception import arrival, file
from tests.unit.services.test_shares_within_a_record import load, register
from tests.unit.services.test_upload_places import form_from, uploads

PHOTO = file("a.jpg", photo("image/jpeg"))


@pytest.fixture
def slow_machine(tmp_path: Path) -> Images:
    """A machine that has no time for the decoder."""
    (tmp_path / "decoder.py").write_text("import time; time.sleep(60)")
    return Images(10_000_000, seconds=0.2, program=str(tmp_path / "decoder.py"))


class Busy:
    """Reads no image in time, so many times."""

    def __init__(self, times: int) -> None:
        self.times = times

    async def rewrite(self, _media_type: str, _content: bytes) -> bytes:
        if self.times:
            self.times -= 1
            raise Late("busy")
        return b"picture"


def reception(busy: Busy, store: Store) -> Reception:
    there: Any = busy
    return Reception(VN, Inspection(VN, store, there, unfinished=Unfinished()).inspect, store.keep, register, load)


async def test_an_image_that_the_machine_had_no_time_for_is_not_called_unreadable(slow_machine: Images) -> None:
    """On a loaded machine good photos were refused with "the image cannot be read; open it, save it again"."""
    with pytest.raises(Late):
        await slow_machine.rewrite("image/jpeg", b"a good photo")


async def test_a_record_with_a_late_photo_waits_and_other_portals_go_on() -> None:
    made = reception(Busy(2), Store())
    batch = [arrival("late", portal="a", files=[PHOTO]), arrival("behind", portal="a"), arrival("b", portal="b")]
    answers = [[type(answer) for answer in await made.receive(batch)] for _ in range(3)]
    assert answers == [[Waits, Waits, Registration]] * 2 + [[Registration] * 3]


async def test_a_photo_that_is_late_each_time_is_refused_at_last_in_words_that_say_why() -> None:
    made = reception(Busy(1000), Store())
    tries = [(await made.receive([arrival("late", portal="a", files=[PHOTO])]))[0] for _ in range(MOST_TRIES)]
    assert [type(answer) for answer in tries] == [Waits] * (MOST_TRIES - 1) + [Refused]
    last = tries[-1]
    assert isinstance(last, Refused)
    assert [(fault.code, fault.message) for fault in last.faults] == [images.NOT_IN_TIME]


async def test_a_request_is_told_to_come_again_however_often_its_photo_was_late() -> None:
    busy: Any = Busy(1000)
    made = Inspection(VN, Store(), busy)
    for _ in range(MOST_TRIES + 1):
        before = metrics.uploads_refused.labels("too_busy")._value.get()
        with pytest.raises(Problem) as refused:
            async with uploads(1).receiving(form_from(("203.0.113.7", 1)), "f"):
                await made.inspect([PHOTO], "f")
        assert (refused.value.status_code, refused.value.type_) == (503, "urn:pakn:problem:too-busy")
        assert 60 <= int({**(refused.value.headers or {})}["Retry-After"]) <= 75
        assert metrics.uploads_refused.labels("too_busy")._value.get() == before + 1
