"""Turns with a portal's Open311 server, a real one on a port of this machine: what is asked, posted and told."""

import asyncio
import json
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pakn import metrics
from pakn.legal_time import LegalTime
from pakn.packs.models import Portal
from pakn.packs.open311 import Remote
from schemas import Fact
from services.intake.remotes import client, reading
from services.intake.remotes.client import RemoteClient, Unanswered
from services.intake.remotes.polling import Poller
from services.intake.remotes.store import Cursor
from services.intake.remotes.telling import Teller, Update
from tests.support.odd_city import Asked, OddCity, row
from tests.support.packs import UNSIGNED

NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
PORTAL = "gialai-dvc"


class Remembered:
    """What a process remembers of portals, without a database: a cursor, ids, and steps that wait."""

    def __init__(self, waiting: Sequence[Update] = ()) -> None:
        self.cursor = Cursor(NOW, reading.LONGEST)
        self.ids: set[str] = set()
        self.steps = {update.id: update for update in waiting}
        self.given_up: list[str] = []
        self.told_from = NOW

    async def take_turn(self, turn: str, _at: datetime, now: datetime, _seconds: float) -> Cursor | None:
        return None if turn.endswith("/tell") and now < self.told_from else self.cursor

    async def move(self, _portal: str, cursor: Cursor, _now: datetime) -> None:
        self.cursor = cursor

    async def release(self, turn: str, at: datetime) -> None:
        if turn.endswith("/tell"):
            self.told_from = at

    async def good_at(self, _portal: str) -> None:
        return None

    async def new_among(self, _portal: str, ids: Collection[str]) -> set[str]:
        return set(ids) - self.ids

    async def note_taken(self, _portal: str, ids: Collection[str]) -> None:
        self.ids |= set(ids)

    async def waiting(self, _portal: str, now: datetime) -> list[Update]:
        held = {update.told["service_request_id"] for update in self.steps.values() if update.next_at > now}
        return [update for update in self.steps.values() if update.told["service_request_id"] not in held]

    async def settle(self, id: str, *, was_sent: bool) -> None:
        del self.steps[id]
        self.given_up += [] if was_sent else [id]

    async def put_off(self, update: Update, next_at: datetime) -> None:
        self.steps[update.id] = update._replace(tries=update.tries + 1, next_at=next_at)


class Turns:
    """The turns with one server, at a machine's time that a test moves."""

    def __init__(self, url: str, waiting: Sequence[Update] = (), **remote: Any) -> None:
        self.now = NOW
        self.posted: list[Fact] = []
        self.kept = Remembered(waiting)
        about = Remote(url=url, **remote)
        portal = Portal(id=PORTAL, name={"vi": "c", "en": "c"}, open311=about)
        one, time, kept = RemoteClient(about, "a-key"), LegalTime(lambda: self.now), self.kept
        self.poll = Poller(UNSIGNED, portal, one, kept, self._publish, time, 300).tick  # type: ignore[arg-type]
        self.tell = Teller(portal, one, kept, kept, time, 300).tick  # type: ignore[arg-type]

    async def _publish(self, facts: Sequence[Fact]) -> None:
        self.posted += facts

    @property
    def ids(self) -> list[str]:
        return [fact.id for fact in self.posted]


def listed(*rows: Any) -> tuple[int, bytes]:
    return 200, json.dumps(rows).encode()


async def test_pages_are_asked_for_until_nothing_new_comes_and_each_request_is_posted_once() -> None:
    city = OddCity()
    pages = [listed(row("a"), row("b"), 7), listed(row("b"), row("c"), row("done", status="closed"))]
    city.answer = lambda asked: dict(enumerate(pages, 1)).get(int(asked.values["page"]), (404, b"[]"))
    async with city.listening() as url:
        turns = Turns(url, jurisdiction_id="c")
        await turns.poll()
        assert turns.ids == ["a", "b", "c"]
        assert [each.values["page"] for each in city.asked] == ["1", "2", "3"]
        first = city.asked[0]
        assert (first.path, first.values["api_key"], first.values["jurisdiction_id"]) == ("/v2/requests.json", "a-key", "c")
        assert (first.values["start_date"], first.values["end_date"]) == ("2026-03-02T01:00:00Z", "2026-03-02T02:00:00Z")
        turns.now += timedelta(minutes=5)
        await turns.poll()
        assert turns.ids == ["a", "b", "c"], "twice seen is once taken"
        assert city.asked[-1].values["end_date"] == "2026-03-02T02:05:00Z"


async def test_after_weeks_away_all_the_time_is_asked_for_week_by_week() -> None:
    city = OddCity()
    async with city.listening() as url:
        turns = Turns(url, by="updated_after")
        turns.now += timedelta(days=20)
        await turns.poll()
        spans = [(each.values["updated_after"], each.values["updated_before"]) for each in city.asked]
        assert spans == [
            ("2026-03-02T01:00:00Z", "2026-03-09T02:00:00Z"),
            ("2026-03-09T01:00:00Z", "2026-03-16T02:00:00Z"),
            ("2026-03-16T01:00:00Z", "2026-03-22T02:00:00Z"),
        ]
        assert turns.kept.cursor.known_until == turns.now


async def test_more_than_can_be_listed_is_asked_for_in_shorter_spans() -> None:
    city, count = OddCity(), 0

    def flood(_: Asked) -> tuple[int, bytes]:
        nonlocal count
        count += 1
        return listed(*(row(f"{count}-{each}") for each in range(3)))

    city.answer = flood
    async with city.listening() as url:
        turns = Turns(url)
        turns.now += timedelta(days=7)
        await turns.poll()
        assert turns.kept.cursor.known_until == NOW, "it may be that not all was seen"
        assert turns.kept.cursor.span < timedelta(hours=1)
        assert len(turns.posted) == 3 * count


async def test_a_list_that_is_cut_off_and_comes_again_as_every_page_is_asked_for_in_shorter_spans() -> None:
    city = OddCity()
    made = {f"made-{each}": NOW + timedelta(hours=each) for each in range(100)}

    def capped(asked: Asked) -> tuple[int, bytes]:
        first, last = (datetime.fromisoformat(asked.values[name]) for name in ("start_date", "end_date"))
        return listed(*[row(id) for id, at in made.items() if first <= at <= last][-30:])

    city.answer = capped
    async with city.listening() as url:
        turns = Turns(url)
        turns.now += timedelta(days=7)
        for _ in range(3):
            await turns.poll()
        assert set(turns.ids) == made.keys()
        assert turns.kept.cursor.known_until == turns.now


async def test_what_the_shortest_span_cannot_list_is_counted() -> None:
    city = OddCity()
    city.rows = [row(f"many-{each}") for each in range(30)]
    async with city.listening() as url:
        turns = Turns(url)
        turns.kept.cursor, turns.now = Cursor(NOW, reading.SHORTEST), NOW + timedelta(seconds=30)
        count = metrics.open311_polls.labels(PORTAL, "cut_off")
        before = count._value.get()
        await turns.poll()
        assert count._value.get() == before + 1


@pytest.mark.parametrize(
    "answer", [(200, b"<html>"), (302, b""), (403, b"[]"), (500, b""), (200, b"[" + b" " * client.MOST_BYTES), (200, b'{"a":' * 9)]
)
async def test_a_turn_that_fails_is_no_end_and_the_next_one_begins_where_the_last_good_one_ended(answer: tuple[int, bytes]) -> None:
    city, elsewhere = OddCity(), OddCity()
    async with city.listening() as url, elsewhere.listening() as other:
        city.answer, city.headers = (lambda _: answer), f"Location: {other}\r\n"
        turns = Turns(url)
        turns.now += timedelta(hours=3)
        await turns.poll()
        assert (turns.posted, turns.kept.cursor, elsewhere.asked) == ([], Cursor(NOW, reading.LONGEST), [])
        city.answer = lambda _: listed(row("late"))
        await turns.poll()
        assert turns.ids == ["late"]
        assert city.asked[-1].values["start_date"] == "2026-03-02T01:00:00Z"


async def test_a_server_that_is_silent_or_gone_is_away() -> None:
    city, never = OddCity(), asyncio.Event()
    city.before = never.wait
    async with city.listening() as url:
        hasty = RemoteClient(Remote(url=url), None, seconds=0.1)
        with pytest.raises(Unanswered, match="away: TimeoutError"):
            await hasty.requests({})
        never.set()
    with pytest.raises(Unanswered, match="away: Connect"):
        await hasty.requests({})


def step(id: str, case: str = "own-1") -> Update:
    return Update(id, {"update_id": id, "service_request_id": case, "description": "đã sửa"}, 0, NOW, NOW)


async def test_steps_are_told_in_order_and_those_behind_one_that_is_tried_again_wait() -> None:
    city = OddCity()
    city.answer = lambda _: (503, b"")
    async with city.listening() as url:
        turns = Turns(url, [step("1"), step("2")])
        for _ in range(2):
            await turns.tell()
        assert [each.values["update_id"] for each in city.asked] == ["1"], "not again before its time"
        city.answer = lambda _: (200, b"[]")
        turns.now += timedelta(minutes=5)
        await turns.tell()
        assert [each.values["update_id"] for each in city.asked] == ["1", "1", "2"]
        assert (city.asked[-1].path, city.asked[-1].values["api_key"]) == ("/v2/servicerequestupdates.json", "a-key")
        assert city.asked[-1].values["description"] == "đã sửa"
        assert (turns.kept.steps, turns.kept.given_up) == ({}, [])


async def test_a_step_that_is_refused_five_times_is_given_up_and_the_next_one_goes() -> None:
    city = OddCity()
    city.answer = lambda asked: (400 if asked.values["update_id"] == "1" else 201, b"[]")
    async with city.listening() as url:
        turns = Turns(url, [step("1"), step("2")])
        for _ in range(5):
            await turns.tell()
            turns.now += timedelta(hours=1)
        assert [each.values["update_id"] for each in city.asked] == [*"11111", "2"]
        assert turns.kept.given_up == ["1"]


async def test_a_step_that_is_refused_holds_back_its_own_case_alone() -> None:
    city = OddCity()
    city.answer = lambda asked: (400 if asked.values["update_id"] == "1" else 201, b"[]")
    async with city.listening() as url:
        turns = Turns(url, [step("1"), step("2"), step("3", "own-2")])
        await turns.tell()
        assert [each.values["update_id"] for each in city.asked] == ["1", "3"]


async def test_a_server_that_is_away_hears_of_no_other_case_before_it_is_tried_again() -> None:
    city = OddCity()
    city.answer = lambda _: (503, b"")
    async with city.listening() as url:
        turns = Turns(url, [step("1"), step("2", "own-2")])
        await turns.tell()
        await turns.tell()
        assert [each.values["update_id"] for each in city.asked] == ["1"]


@pytest.mark.parametrize("status", [401, 403, 405])
async def test_a_wrong_key_gives_no_step_up_before_days(status: int) -> None:
    city = OddCity()
    city.answer = lambda _: (status, b"[]")
    async with city.listening() as url:
        turns = Turns(url, [step("1")])
        for _ in range(8):
            await turns.tell()
            turns.now += timedelta(hours=1)
        assert turns.kept.given_up == []
        city.answer = lambda _: (200, b"[]")
        await turns.tell()
        assert (turns.kept.steps, turns.kept.given_up) == ({}, [])


async def test_no_more_of_an_answer_is_read_than_is_allowed() -> None:
    city = OddCity()
    city.answer = lambda _: (200, b"[" + b" " * 2000 + b"]")
    async with city.listening() as url:
        with pytest.raises(Unanswered, match="strange: 200, more than 1000 bytes"):
            await RemoteClient(Remote(url=url), None, most_bytes=1000).requests({})
        assert len(await RemoteClient(Remote(url=url), None).requests({})) == 2002
