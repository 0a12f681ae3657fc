"""The pages of published replies, and what of them is shown before the same is sent again."""

from collections.abc import Iterable
from xml.etree import ElementTree

import pytest

from pakn.engine.mongo import Database
from services.intake.commands import erase_sender
from services.intake.feedback import Feedback
from services.intake.publications import Publications
from services.intake.published import Shows, shows
from services.intake.store import IntakeStore
from tests.support.outside_world import until
from tests.support.packs import VN
from tests.support.pages import FILLED, Browser, published, sent
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
    assert feed.headers["content-type"] == "application/atom+xml; charset=utf-8"
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
    await documents["counters"].delete_one({"_id": "published/shown"})
    publications = Publications(documents, IntakeStore(documents), shows(VN))
    assert await publications.build() >= 1
    assert code in (await browser.get("/published?q=mot+viec+cu")).page.text
    assert await publications.build() == 0
    stricter = Publications(documents, IntakeStore(documents), Shows())
    assert await stricter.build() >= 1, "a pack that shows less is followed at once"
    assert await publications.build() == 0, "of two processes with two packs, the one that started before does not turn it back"
    feedback = await documents["feedbacks"].find_one({"code": code})
    assert feedback
    await publications.refresh([feedback["_id"]])
    assert await stricter.build() == 1, "what the one before has written meanwhile is made anew, and nothing else"
    assert await stricter.build() == 0
    assert await Publications(documents, IntakeStore(documents), shows(VN)).build() >= 1, "a process that starts later goes first"


async def test_a_name_is_shown_and_found_by_its_mask_where_the_sender_agrees_until_it_is_taken_back_or_erased(
    people: System, browser: Browser
) -> None:
    """Of who did not agree nothing tells that he has sent anything, nor of who took it back."""
    agreed, silent, erased = [
        await published(people, browser, f"Việc của người gửi {n}", "Đã xử lý.", name="Trịnh Thị Hồng", **more)
        for n, more in enumerate(({"publish_name": "yes"}, {}, {"publish_name": "yes"}))
    ]

    async def finds(query: str) -> list[str]:
        await browser.get(f"/published?{query}")
        return [code for code in (agreed, silent, erased) if code in browser.page.text]

    assert await finds("name=hong+trinh+thi") == await finds("name=TR%E1%BB%8ANH&q=viec+nguoi") == [agreed, erased]
    assert "Trịnh T. H." in browser.text
    assert "Trịnh Thị" not in browser.text
    assert await finds("name=trinh+thi+hoa") == [agreed, erased], "a search tells no more than the mask"
    assert await finds("name=le+thi+hong") == await finds("name=trinh+van+hong") == await finds("q=trinh+thi+hong") == []
    feed = await people.http.get("/published.atom?name=trinh", headers={"Accept-Language": "vi"})
    assert (agreed in feed.text, silent in feed.text, "Trịnh" in feed.text.replace("name=trinh", "")) == (True, False, False)
    for code, sender in ((agreed, "Trịnh T. H."), (silent, "Trịnh")):
        await browser.get(f"/published/{code}")
        assert (sender in browser.text) == (code == agreed)
    named = {row.topic for row in people.observer.records if "Trịnh" in (row.value or b"").decode(errors="replace")}
    assert named <= {"contacts"}

    await browser.get(f"/follow/{agreed}")
    await browser.post(to="/name")
    assert "Tên không còn hiện bên cạnh trả lời." in browser.text
    assert "Trịnh" not in browser.text
    assert await finds("name=trinh+thi+hong") == [erased]
    await erase_sender(people.settings, erased)
    assert await finds("name=trinh+thi+hong") == []
    assert await finds("q=viec+nguoi+gui") == [agreed, silent, erased]
    assert "Trịnh" not in browser.text


async def test_a_name_that_is_taken_back_while_its_reply_is_made_anew_is_gone(people: System, browser: Browser) -> None:
    code = await published(people, browser, "Việc gỡ tên", "Đã xử lý.", name="Trịnh Văn Khoa", publish_name="yes")
    documents = people.documents("intake")

    class Late(IntakeStore):
        """Gives what was stored before the sender took it back, once."""

        async def load(self, feedback_ids: Iterable[str]) -> dict[str, Feedback]:
            found = await super().load(feedback_ids)
            if any(feedback.publish_name for feedback in found.values()):
                await self.hide_name(next(iter(found)))
            return found

    store = Late(documents)
    feedback = await store.by_code(code)
    assert feedback
    await Publications(documents, store, shows(VN)).refresh([feedback.id])
    row = await documents["published"].find_one({"code": code})
    assert row
    assert (row.get("sender"), row["name_keys"]) == (None, [])


async def test_an_officer_is_told_of_numbers_in_a_reply_and_decides_whether_they_are_published(
    people: System, browser: Browser
) -> None:
    title, reply = "Đường dây nóng 0236 3822 041 không ai nghe", "Xin gọi lại 0236.3822.041 trong giờ làm việc."
    code, _ = await sent(browser, title=title)
    (fact,) = await people.observer.wait("FeedbackAssigned", topic="assignments.gia-lai", code=code)
    (matter,) = await people.observer.wait("MatterForwarded", topic="assignments.gia-lai", code=code)
    (hidden,) = matter.data["personal_data"]
    assert title[hidden["start"] : hidden["end"]] == "0236 3822 041"

    await people.post.act("gia-lai", fact.subject, "reply", reply=reply)
    (refused,) = await people.observer.wait("ActionRefused", topic="assignments.gia-lai", subject=fact.subject)
    assert refused.faulty == ["reply", "title"]
    found = {row["field"]: row for row in refused.data["personal_data"]}
    assert reply[found["reply"]["start"] : found["reply"]["end"]] == "0236.3822.041"
    assert (await browser.get(f"/published/{code}")).page.status_code == 404

    await people.post.act("gia-lai", fact.subject, "reply", reply=reply, as_written=["reply"])
    await people.post.act("gia-lai", fact.subject, "publish", actor="cb2", as_written=["title"])

    async def is_listed() -> bool:
        return (await browser.get(f"/published/{code}")).page.status_code == 200

    await until(is_listed, "the reply has its page")
    assert title in browser.text
    assert reply in browser.text


@pytest.mark.parametrize("equal", [[], ["words"], ["agency"], ["category"], ["agency", "category"]])
async def test_the_latest_replies_come_from_an_index_in_the_whole_order_of_the_list(database: Database, equal: list[str]) -> None:
    """The order ended in a field that no index had, so the database sorted all replies there were for each page."""
    await Publications(database, IntakeStore(database), Shows(titles=True)).prepare()
    indexes = [index["key"] for index in (await database["published"].index_information()).values()]
    assert [*((name, 1) for name in equal), ("published_at", -1), ("code", -1)] in indexes
