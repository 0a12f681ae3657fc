"""The public list on a real database, by both drivers: its order, its pages, what is fetched, and by which index."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pakn.engine.mongo import Database
from pakn.local.launcher import Servers
from services.intake.listing import Listing, PublicCase, Wanted

START = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
WANTED = Wanted(START, START + timedelta(days=30), ("khac", "road"))


def case(number: int, **more: Any) -> dict[str, Any]:
    """Three cases share each time of submission, as in a group that came in together."""
    return {
        "_id": f"case-{number:03d}",
        "code": f"PAKN.20260302.{number:04d}",
        "state": "accepted",
        "listed_as": "open",
        "category": ("khac", "road")[number % 2],
        "submitted_at": START + timedelta(hours=number // 3),
        "received_at": START,
        "updated_at": START + timedelta(hours=50 - number),
        "title": "Bí mật",
        "content": "Bí mật",
        "where": {"description": "Bí mật", "latitude": 13.98, "longitude": 108.0},
        "sender": {"name": "Bí mật"},
        **more,
    }


@pytest.fixture
async def cases(database: Database) -> Database:
    """Forty cases in the list, and others that no question of these tests is about."""
    await Listing(database).prepare()
    others = [
        case(90, listed_as=None),
        case(91, category="elsewhere"),
        case(92, submitted_at=START - timedelta(seconds=1), updated_at=START - timedelta(seconds=1)),
        case(93, listed_as="closed", state="published"),
    ]
    await database["feedbacks"].insert_many([*map(case, range(40)), *others])
    return database


def numbers(found: list[PublicCase]) -> list[int]:
    return [int(row.code.rpartition(".")[2]) for row in found]


async def test_pages_hold_each_case_once_in_order_whatever_shares_a_time(cases: Database) -> None:
    listing, wanted = Listing(cases), replace(WANTED, statuses=("open",), limit=7)
    pages = [numbers(await listing.page(replace(wanted, skip=skip))) for skip in range(0, 49, 7)]
    assert [number for page in pages for number in page] == list(range(39, -1, -1))
    assert numbers(await listing.page(replace(wanted, by="updated_at", limit=40))) == list(range(39, -1, -1)), "oldest change first"
    assert numbers(await listing.page(replace(wanted, categories=("road",)))) == [39, 37, 35, 33, 31, 29, 27]
    assert numbers(await listing.page(replace(wanted, statuses=("closed",)))) == [93]
    moment = START + timedelta(hours=31)
    narrow = replace(wanted, since=moment, until=moment, statuses=("closed",), categories=("road",))
    assert numbers(await listing.page(narrow)) == [93], "both bounds are included"
    codes = ["PAKN.20260302.0091", "PAKN.20260302.0090", "none", "PAKN.20260302.0003"]
    assert numbers(await listing.with_codes(codes)) == [91, 3], "of those in no list one question tells nothing"
    assert [row and row.code for row in [await listing.one(code) for code in codes]] == [*codes[:2], None, codes[3]]
    assert await listing.code_of("case-004") == "PAKN.20260302.0004"
    assert await listing.code_of("none") is None


async def test_what_senders_wrote_is_fetched_only_where_the_pack_makes_it_public(cases: Database) -> None:
    """What was never read cannot be shown by mistake."""
    (hidden,) = await Listing(cases).page(replace(WANTED, limit=1))
    assert (hidden.where, hidden.title, hidden.content) == (None, None, None)
    (placed,) = await Listing(cases, ("place",)).page(replace(WANTED, limit=1))
    assert placed.where is not None
    assert (placed.where.latitude, placed.where.description, placed.title) == (13.98, None, None)
    (shown,) = await Listing(cases, ("address", "title", "content")).page(replace(WANTED, limit=1))
    assert shown.where is not None
    assert (shown.where.description, shown.where.latitude, shown.title, shown.content) == ("Bí mật", None, "Bí mật", "Bí mật")


@pytest.mark.parametrize("by", ["submitted_at", "updated_at"])
async def test_a_question_is_answered_by_an_index_that_holds_all_that_it_asks_for(
    servers: Servers, cases: Database, by: Any
) -> None:
    """A list that looked at every case would stop everybody else's requests."""
    indexes = [[field for field, _ in index["key"]] for index in (await cases["feedbacks"].index_information()).values()]
    assert ["listed_as", "category", by, "_id"] in indexes
    bounds = {"$gte": START, "$lte": START}
    queries: list[Any] = [{"listed_as": "open", "category": "khac", by: bounds}]
    if "secantus" not in servers.description:  # It looks at all documents where a field may have several values.
        queries.append({"listed_as": {"$in": ["open", "closed"]}, "category": {"$in": ["khac", "road"]}, by: bounds})
    for query in queries:
        plan = repr(await cases["feedbacks"].find(query).sort([(by, -1), ("_id", -1)]).explain())
        assert "IXSCAN" in plan
        assert "COLLSCAN" not in plan
