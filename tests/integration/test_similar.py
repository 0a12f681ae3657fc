"""What looks like a feedback that is not sent yet, on a real database and through the pages: what is shown, and what never is."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pakn.engine.mongo import Database
from schemas.values import Place
from services.intake import nearby
from services.intake.publications import Publications
from services.intake.published import Shows
from services.intake.similar import Asked, Similar
from services.intake.store import IntakeStore
from tests.support.outside_world import until
from tests.support.pages import FILLED, Browser, sent
from tests.support.system import System

START = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
TITLE = "Đèn đường trước cổng trường hỏng"
PLACE = Place(latitude=13.9805, longitude=108.0005)
NEAR = Place(latitude=13.9812, longitude=107.9998)


def case(number: int, **more: Any) -> dict[str, Any]:
    return {
        "_id": f"case-{number:03d}",
        "code": f"PAKN.20260302.{number:04d}",
        "state": "accepted",
        "listed_as": "open",
        "category": "khac",
        "submitted_at": START + timedelta(minutes=number),
        "title": TITLE,
        "area": nearby.area("gia-lai", "Phường Mẫu"),
        **more,
    }


def similar(database: Database, public: Any = ()) -> Similar:
    return Similar(database, Publications(database, IntakeStore(database), Shows(titles=True)), ["khac", "road"], public)


@pytest.fixture
async def cases(database: Database) -> Database:
    await similar(database).prepare()
    await Publications(database, IntakeStore(database), Shows(titles=True)).prepare()
    away = nearby.area("hue", "Phường Mẫu")
    rows = [
        case(1),
        case(2, listed_as="closed", state="published"),
        case(3, category="road"),
        case(4, listed_as=None, category="to-cao", state="not_accepted"),
        case(5, area=away),
        case(6, area=away, square=nearby.square(PLACE)),
        case(7, title=""),
    ]
    await database["feedbacks"].insert_many(rows)
    return database


async def shown(similar: Similar, **more: Any) -> list[str]:
    asked = {"title": TITLE, "category": "khac", "province": "gia-lai", "commune": "phuong mau"} | more
    return [row.code[-1] for row in (await similar.find(Asked(**asked))).open]


async def test_open_cases_of_the_same_class_in_the_same_commune_or_nearby_are_found(cases: Database) -> None:
    asked = similar(cases)
    assert await shown(asked) == ["1"]
    assert await shown(asked, commune=None, place=NEAR) == ["6"]
    assert sorted(await shown(asked, place=NEAR)) == ["1", "6"]
    assert await shown(asked, category="road") == ["3"]
    assert await shown(asked, category="to-cao") == [], "that somebody denounced somebody is nobody's business"
    assert await shown(asked, commune=None) == []
    assert await shown(asked, title="Rác đổ bừa bãi ven sông") == []


async def test_a_title_is_shown_only_where_the_pack_makes_titles_public(cases: Database) -> None:
    asked = Asked(TITLE, "khac", "gia-lai", "Phường Mẫu")
    assert [row.title for row in (await similar(cases).find(asked)).open] == [None]
    assert [row.title for row in (await similar(cases, ("place", "content")).find(asked)).open] == [None]
    assert [row.title for row in (await similar(cases, ("title",)).find(asked)).open] == [TITLE]


async def test_five_at_most_of_both_kinds_are_found_among_the_newest_of_a_busy_commune(cases: Database) -> None:
    busy = nearby.area("gia-lai", "Xã Mẫu")
    await cases["feedbacks"].insert_many([case(number, area=busy) for number in range(100, 400)])
    reply = {"category": "khac", "agency": "gia-lai", "reply": "Đã sửa.", "submitted_at": START, "words": ["truong", "duong"]}
    rows = [{**reply, "_id": f"{n}", "code": f"P{n}", "title": TITLE, "published_at": START} for n in range(9)]
    await cases["published"].insert_many(rows)
    found = await similar(cases).find(Asked(TITLE, "khac", "gia-lai", "Xã Mẫu"))
    assert (len(found.open), len(found.published)) == (3, 2)
    assert all(row.submitted_at >= START + timedelta(minutes=300) for row in found.open), "of 300 the newest 100 are read"


async def test_each_question_is_answered_by_an_index_that_holds_all_that_it_asks_for(cases: Database) -> None:
    """A question at each pause in typing must not look at every case."""
    questions: list[Any] = [
        ("feedbacks", {"listed_as": "open", "category": "khac", key: "gia-lai/phuong mau"}, "submitted_at")
        for key in ("area", "square")
    ]
    for collection, query, *by in [*questions, ("published", {"words": "duong"}, "published_at", "code")]:
        indexes = [[field for field, _ in index["key"]] for index in (await cases[collection].index_information()).values()]
        assert [*query, *by] in indexes
        plan = repr(await cases[collection].find(query).sort([(name, -1) for name in by]).limit(100).explain())
        assert "IXSCAN" in plan
        assert "COLLSCAN" not in plan


async def test_what_others_sent_is_shown_at_review_and_while_typing_without_a_word_of_theirs(
    people: System, browser: Browser
) -> None:
    theirs = {"title": "Nắp cống trước chợ bị vỡ, gọi Nguyễn Văn Riêng", "commune": "Phường Cống", "content": "Chuyện riêng"}
    code, _ = await sent(browser, **theirs)
    async with Browser(people.http) as other:
        await other.get("/send")
        typed = FILLED | {"title": "nap cong truoc cho bi vo", "commune": "phường cống"}
        address, values = f"{other.form_address}/similar", other.form() | typed
        answer = await other._http.post(address, data=values)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        await other.post(step="check", **typed)
        for page in (answer.text, other.page.text):
            assert f'href="/follow/{code}"' in page
            assert "Đúng việc này" in page
            assert "phường cống" in page
            for word in ("Riêng", "Chuyện", "Phường Cống", "Nắp"):
                assert word not in page
        await other.post(step="send")
        assert "Đã gửi phản ánh" in other.text, "mine is different"
        async with Browser(people.http) as stranger:
            assert (await stranger._http.post(address, data=values)).status_code == 403, "not from a form of this browser"


async def test_a_case_that_is_closed_or_erased_is_shown_to_nobody_any_more(people: System, browser: Browser) -> None:
    typed = {"title": "Cây đổ chắn ngang lối vào", "commune": "Phường Cây"}
    code, _ = await sent(browser, **typed)
    await browser.get("/send")
    await browser.post(step="check", **(FILLED | typed))
    assert f"/follow/{code}" in browser.page.text
    (fact,) = await people.observer.wait("FeedbackAssigned", topic="assignments.gia-lai", code=code)
    await people.post.act("gia-lai", fact.subject, "refuse", reason="Không thuộc thẩm quyền")
    review = browser.page

    async def is_gone() -> bool:
        browser.page = review
        await browser.post(step="check")
        return f"/follow/{code}" not in browser.page.text

    await until(is_gone, "the closed case is no longer among similar ones")
