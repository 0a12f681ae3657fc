"""The one way in: every door's faults at once, files before the feedback, and one bad arrival spoils no other."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from schemas.values import Fault
from services.intake import domain
from services.intake.domain import Arrival, Draft, File, whole_file
from services.intake.feedback import Feedback
from services.intake.files.images import Images
from services.intake.files.scanner import Scanner
from services.intake.inspection import Inspection
from services.intake.reception import SHARE_SECONDS, Failed, Reception, Refused, Waits, check
from services.intake.registration import Registration
from tests.support.outside_world import GOOD
from tests.support.packs import VN

NOW = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
CONTENT = b"%PDF-1.4\n%%EOF\n"


def file(name: str, content: bytes = CONTENT) -> File:
    return whole_file("f", 0, name, content)


def arrival(cause: str, submission: dict[str, Any] = GOOD, **more: Any) -> Arrival:
    known = {"channel": "portal", "submission_id": cause, "id_field": "ce_id", "received_at": NOW}
    return Arrival(submission, cause=cause, **(known | more))


class Kept:
    """Keeps the ids of files; a file called `bad.pdf` meets a fault of the system's own."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    async def keep(self, file: File, _feedback_id: str) -> None:
        if file.name == "bad.pdf":
            raise LookupError(file.name)
        self.ids.append(file.id)

    async def find(self, _file_id: str) -> None:
        """No picture is kept yet."""

    async def read(self, _file_id: str) -> None:
        """No file came in by a form."""


@pytest.fixture
def kept() -> Kept:
    return Kept()


def reception(
    kept: Kept,
    used: Sequence[str] = (),
    known: Sequence[Feedback] = (),
    scanner: Scanner | None = None,
    seconds: Callable[[], float] = lambda: 0.0,
) -> Reception:
    """Registers everything; the ids in `used` are those of other submissions, and `known` is registered already."""

    async def register(drafts: Sequence[Draft]) -> list[Registration]:
        assert all(file.id in kept.ids for draft in drafts for file in draft.attachments), "files are kept first"
        made = [domain.register(VN, draft, "PAKN.20260302.0001", "s") for draft in drafts]
        other = {"fingerprint": "another"}
        stored = [one.model_copy(update=other) if one.history[0].cause in used else one for one in made]
        return [Registration(one, False) for one in stored]

    async def load(ids: Iterable[str]) -> dict[str, Feedback]:
        return {one.id: one for one in known if one.id in ids}

    return Reception(VN, Inspection(VN, kept, Images(10_000_000), scanner).inspect, kept.keep, register, load, seconds)


def test_the_faults_of_door_shape_pack_time_and_files_come_together() -> None:
    unread = Fault(field="attachments.1.content_base64", code="not_base64", message="is not base64")
    wrong = GOOD | {"title": "", "province": "atlantis"}
    files = [file("a.exe", b"MZ"), file("b.pdf", b"")]
    found = check(VN, arrival("x", wrong, files=files, sent_at=NOW - timedelta(days=9), faults=[unread]))
    assert isinstance(found, tuple)
    assert [(fault.field, fault.code) for fault in found] == [
        ("attachments.1.content_base64", "not_base64"),
        ("title", "too_short"),
        ("province", "unknown_province"),
        ("sent_at", "too_old"),
        ("attachments.0", "file_type_not_taken"),
    ]


async def test_each_arrival_has_its_answer_whatever_is_beside_it(kept: Kept) -> None:
    """One portal's wrong submission, or a fault of ours, once stopped all that were in the same batch."""
    arrivals = [
        arrival("good", files=[file("a.pdf")]),
        arrival("wrong", GOOD | {"category": "x"}),
        arrival("ours", files=[file("bad.pdf")]),
        arrival("reused"),
        arrival("also good"),
    ]
    good, wrong, ours, reused, also_good = await reception(kept, ["reused"]).receive(arrivals)
    assert isinstance(good, Registration)
    assert isinstance(also_good, Registration)
    assert (good.feedback.id, also_good.feedback.id) == (arrivals[0].feedback_id, arrivals[4].feedback_id)
    assert isinstance(wrong, Refused)
    assert [fault.code for fault in wrong.faults] == ["unknown_category"]
    assert isinstance(ours, Failed)
    assert isinstance(reused, Refused)
    assert [(fault.field, fault.code) for fault in reused.faults] == [("ce_id", "id_reused")]
    assert reused.code == "PAKN.20260302.0001", "the portal that lost the first answer learns the code"
    assert wrong.code is None


async def test_a_repetition_gets_its_code_also_when_it_would_be_refused_by_now(kept: Kept) -> None:
    """A portal that lost the first answer, and asks again after three days, once heard only that `sent_at` is too old."""
    sent = {"sent_at": NOW - timedelta(hours=1), "files": [file("a.pdf")]}
    first = arrival("a", **sent)
    (registered,) = await reception(kept).receive([first])
    assert isinstance(registered, Registration)
    later = NOW + timedelta(days=30)
    again, other, new = (
        arrival("a", received_at=later, **sent),
        arrival("a", GOOD | {"title": "Khác"}, received_at=later, **sent),
        arrival("b", received_at=later, **sent),
    )
    answers = await reception(kept, known=[registered.feedback]).receive([again, other, new])
    assert answers[0] == Registration(registered.feedback, repeated=True)
    for answer in answers[1:]:
        assert isinstance(answer, Refused)
        assert answer.faults[0].code == "too_old"


async def test_while_the_scanner_is_away_a_portals_file_waits_with_all_behind_it_and_other_portals_go_on(kept: Kept) -> None:
    """One portal's file stopped every portal's submissions, and the process ended again and again."""
    away = Scanner("/no/such/socket")
    arrivals = [
        arrival("before", portal="a"),
        arrival("with a file", portal="a", files=[file("a.pdf")]),
        arrival("behind it", portal="a"),
        arrival("another's", portal="b"),
        arrival("another's wrong", GOOD | {"category": "x"}, portal="b"),
    ]
    answers = await reception(kept, scanner=away).receive(arrivals)
    assert [type(answer) for answer in answers] == [Registration, Waits, Waits, Registration, Refused]
    assert kept.ids == []


async def test_a_portal_whose_files_take_long_leaves_the_others_their_turn(kept: Kept) -> None:
    """Four records with photos that are slow to decode made every other portal wait for minutes."""
    # Each look at the clock is three seconds later, and each arrival is between two of them.
    clock = count(step=SHARE_SECONDS * 0.3)
    arrivals = [arrival(f"{portal}{number}", portal=portal) for number in range(6) for portal in ("slow", "b", "c")]
    answers = await reception(kept, seconds=lambda: next(clock)).receive(arrivals[:12:3] + arrivals[12::3] + arrivals[1:3])
    assert [type(answer) for answer in answers] == [Registration] * 4 + [Waits] * 2 + [Registration] * 2
