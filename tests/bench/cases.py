"""Many cases in intake's database, as its own code makes them: checked, registered, assigned, and for a part published.

So it makes the first ones. All others are those again under other ids and codes, at other times and places, with other titles:
a hundred thousand would take minutes to check.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import schemas
from pakn.engine.mongo import Database
from pakn.packs.load import Pack
from schemas.values import Place
from services.intake import domain, nearby, reception, shown
from services.intake.domain import Arrival, Draft
from services.intake.feedback import Feedback, Step
from services.intake.listing import Listing
from services.intake.publications import Publications
from services.intake.published import shows
from services.intake.similar import Similar
from services.intake.store import IntakeStore
from tests.bench.engine import bodies
from tests.support.examples import example

BEGIN: Final = datetime(2026, 1, 5, 1, 0, tzinfo=UTC)
COMMUNES: Final = 300
_APART: Final = timedelta(minutes=3)
_AT_ONCE: Final = 500
# The pack's requests that are accepted; and a multiple of their number and of five.
SAMPLES: Final = 184
_CHECKED: Final = 10 * SAMPLES
# Of five cases two are published, so that most of what is open is open for long, as nobody would like it.
_PUBLISHED: Final = (0, 3)
_WORDS: Final = (
    "chợ", "trường", "cầu", "đường", "hẻm", "kênh", "công", "viên", "bến", "trạm", "ngã", "ba", "khu", "phố", "cổng", "đình",
    "chùa", "sông", "suối", "đồi",
)  # fmt: skip
_REPLY: Final = (
    "Ủy ban nhân dân đã kiểm tra tại {place} và giao đơn vị {number} xử lý trước ngày 20 của tháng sau. Đơn vị đã sửa chữa, "
    "dọn dẹp và báo cáo kết quả; người dân có thể theo dõi tại trang của cơ quan. Xin cảm ơn ông/bà đã phản ánh. "
)


def submission(number: int, sample: list[dict[str, Any]]) -> dict[str, Any]:
    """What the sender of this case wrote: one of the pack's samples, in one of three hundred communes."""
    one = sample[number % len(sample)]
    where = f"{_WORDS[number % len(_WORDS)]} {_WORDS[number // 7 % len(_WORDS)]}"
    place = {"latitude": 10 + number % 977 / 500, "longitude": 106 + number % 991 / 500}
    title = f"{one['title']} gần {where}"[:200]
    return one | {"title": title, "commune": f"Xã Mẫu {number % COMMUNES}", "place": place, "language": "vi"}


def case(pack: Pack, number: int, sample: list[dict[str, Any]]) -> Feedback:
    """One case. Two of five have a published reply; the others are with their agencies."""
    at = BEGIN + number * _APART
    arrival = Arrival(
        submission(number, sample),
        channel="web",
        cause=schemas.derived_id("bench", str(number)),
        submission_id=str(number),
        id_field="draft",
        received_at=at,
    )
    draft = reception.check(pack, arrival)
    assert isinstance(draft, Draft), draft
    code = _code(pack, number)
    feedback = domain.register(pack, draft, code, "0" * 24)
    agency = pack.header.provinces[number % len(pack.header.provinces)]
    own = {"feedback_id": feedback.id, "code": code, "agency": agency}
    facts = [example("FeedbackAssigned", **own), example("FeedbackAccepted", **own)]
    if number % 5 in _PUBLISHED:
        reply = _REPLY.format(place=_WORDS[number % len(_WORDS)], number=number) * 2
        later = (at + timedelta(days=9)).isoformat()
        facts.append(example("ReplyPublished", **own, reply=reply, attachments=[], published_at=later))
    changes: dict[str, Any] = {}
    steps = []
    for index, fact in enumerate(facts):
        name = type(fact).__name__
        changes |= shown.view_changes(name, fact)
        steps.append(Step(id=f"{feedback.id}-{index}", type=name, at=at + index * timedelta(hours=1), agency=agency))
    return feedback.model_copy(update=changes | {"timeline": tuple(steps)})


def again(pack: Pack, first: Feedback, number: int, sample: list[dict[str, Any]]) -> Feedback:
    """The case of this number, made of an earlier one that wrote the same."""
    at, wrote = BEGIN + number * _APART, submission(number, sample)
    place = Place.model_validate(wrote["place"])
    changes: dict[str, Any] = {
        "id": domain.feedback_id(schemas.derived_id("bench", str(number))),
        "code": _code(pack, number),
        "title": wrote["title"],
        "commune": wrote["commune"],
        "where": place,
        "area": nearby.area(wrote.get("province"), wrote["commune"]),
        "square": nearby.square(place),
        **{name: at for name in ("submitted_at", "received_at", "updated_at")},
    }
    return first.model_copy(update=changes | ({"published_at": at + timedelta(days=9)} if first.published_at else {}))


def end(count: int) -> datetime:
    """When the last of so many cases has its reply."""
    return BEGIN + count * _APART + timedelta(days=9)


def _code(pack: Pack, number: int) -> str:
    return f"{pack.header.code_prefix}.{domain.local_day(pack, BEGIN + number * _APART)}.{number:04d}"


def _groups(pack: Pack, count: int) -> Iterator[list[Feedback]]:
    sample = bodies(SAMPLES)
    first = [case(pack, number, sample) for number in range(min(count, _CHECKED))]
    for begin in range(0, count, _AT_ONCE):
        numbers = range(begin, min(begin + _AT_ONCE, count))
        yield [again(pack, first[number % _CHECKED], number, sample) if number >= _CHECKED else first[number] for number in numbers]


async def fill(database: Database, pack: Pack, count: int) -> list[Feedback]:
    """Store so many cases and their published replies, with indexes. Returns some of the published ones, spread over all."""
    store = IntakeStore(database)
    publications = Publications(database, store, shows(pack))
    some: list[Feedback] = []
    began = told = time.perf_counter()
    for number, group in enumerate(_groups(pack, count)):
        assert not await store.insert(group)
        published = [row for row in group if row.published_at]
        await publications.refresh([row.id for row in published])
        some += published[:1]
        if time.perf_counter() - told > 20:
            told = time.perf_counter()
            print(f"  {(number + 1) * _AT_ONCE} cases after {told - began:.0f} s", flush=True)
    # Only now: all at once they take less time than with each case.
    for made in (store, publications, Listing(database), Similar(database, publications, ())):
        await made.prepare()
    print(f"  filled in, with indexes, after {time.perf_counter() - began:.0f} s", flush=True)
    return some
