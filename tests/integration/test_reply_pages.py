"""The pages of published replies, and what of them is shown before the same is sent again."""

from xml.etree import ElementTree

import pytest

from pakn.engine.mongo import Database
from services.intake.commands import erase_sender
from services.intake.publications import Publications
from services.intake.store import IntakeStore
from tests.support.pages import FILLED, Browser, published
from tests.support.system import System


async def test_published_replies_are_found_filtered_paged_and_fed_and_erased_words_are_gone(
    people: System, browser: Browser
) -> None:
    mark = "Cầu Bến Mẫu"
    codes = [await published(people, browser, f"{mark} {n}, gọi 0912345678", f"Trả lời thứ {n}") for n in range(3)]
    await browser.get(f"/published/{codes[0]}")
    assert "Trả lời thứ 0" in browser.text
    assert "noindex" not in browser.page.text
    for personal in (FILLED["name"], FILLED["phone"], FILLED["content"].partition("\n")[0], "0912345678"):
        assert personal not in browser.text

    await browser.get("/published?q=mau+ben+CAU")
    assert all(f"/published/{code}" in browser.page.text for code in codes)
    assert browser.page.text.index(codes[2]) < browser.page.text.index(codes[0]), "the latest comes first"
    for query in ("q=mau+ben+cau+thu+1", "q=thu+1&agency=gia-lai&category=khac&from=2026-03-01&to=2026-03-31"):
        await browser.get(f"/published?{query}")
        assert codes[1] in browser.page.text
        assert codes[0] not in browser.page.text
    for query in (
        "q=mau+khongco",
        "q=ben+mau&agency=hue",
        "q=ben+mau&from=2026-04-01",
        "q=ben+mau&to=2026-02-28",
        "q=ben+mau&page=2",
    ):
        await browser.get(f"/published?{query}")
        assert not any(code in browser.page.text for code in codes), query
    await browser.get("/published?q=ben&agency=gia-lai&page=x&from=nonsense")
    assert browser.page.status_code == 200

    feed = await people.http.get("/published.atom?q=ben+mau", headers={"Accept-Language": "vi"})
    assert feed.headers["content-type"].startswith("application/atom+xml")
    entries = ElementTree.fromstring(feed.text).findall("{http://www.w3.org/2005/Atom}entry")
    assert [entry.findtext("{http://www.w3.org/2005/Atom}id") for entry in entries] == [
        f"http://localhost:8001/published/{code}" for code in reversed(codes)
    ]

    await erase_sender(people.settings, codes[1], matter=True)
    await browser.get("/published?q=ben+mau")
    assert codes[1] not in browser.page.text
    await browser.get("/published?q=tra+loi+thu+1")
    assert codes[1] in browser.page.text, "the reply itself is the agency's"
    assert (await browser.get("/published/PAKN.20200101.0001")).page.status_code == 404


async def test_what_was_answered_before_is_shown_before_the_same_is_sent_again(people: System, browser: Browser) -> None:
    code = await published(people, browser, "Vỉa hè bị lấn chiếm trước chợ Mẫu", "Đã giải tỏa.")
    await browser.get("/send")
    await browser.post(step="check", **(FILLED | {"title": "vỉa hè trước chợ mẫu bị lấn chiếm"}))
    assert f"/published/{code}" in browser.page.text
    await browser.post(step="send")
    assert "Đã gửi phản ánh" in browser.text


async def test_replies_of_before_are_listed_once_the_service_has_started(people: System, browser: Browser) -> None:
    """A release that brings the list would otherwise show an empty one, where thousands were answered."""
    code = await published(people, browser, "Một việc cũ", "Đã trả lời")
    documents = people.documents("intake")
    await documents["published"].delete_many({})
    await documents["counters"].delete_one({"_id": "published/1"})
    publications = Publications(documents, IntakeStore(documents), titles=True)
    assert await publications.build() >= 1
    assert code in (await browser.get("/published?q=mot+viec+cu")).page.text
    assert await publications.build() == 0


@pytest.mark.parametrize("equal", [[], ["words"], ["agency"], ["category"], ["agency", "category"]])
async def test_the_latest_replies_come_from_an_index_in_the_whole_order_of_the_list(database: Database, equal: list[str]) -> None:
    """The order ended in a field that no index had, so the database sorted all replies there were for each page."""
    await Publications(database, IntakeStore(database), titles=True).prepare()
    indexes = [index["key"] for index in (await database["published"].index_information()).values()]
    assert [*((name, 1) for name in equal), ("published_at", -1), ("code", -1)] in indexes
