"""The pages by which people send and follow, without JavaScript, on a real Kafka and a real database."""

from collections.abc import AsyncIterator
from xml.etree import ElementTree

import pytest

from pakn.settings import IntakeSettings
from services.intake.commands import erase_sender
from services.intake.publications import Publications
from services.intake.store import IntakeStore
from tests.integration.conftest import MakeSystem
from tests.support.outside_world import GOOD, until
from tests.support.pages import FILLED, Browser
from tests.support.system import SECRET_KEY, System

PDF = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"


@pytest.fixture(scope="module")
async def system(make_system: MakeSystem) -> AsyncIterator[System]:
    """A system whose forms may be filled in as fast as a test does."""
    intake = IntakeSettings.model_validate({"secret_key": SECRET_KEY, "sweep_seconds": 0.5, "form_seconds": 0})
    async with make_system(intake=intake) as made:
        await made.start("intake", "routing", "deadlines")
        yield made


@pytest.fixture
async def browser(system: System) -> AsyncIterator[Browser]:
    async with Browser(system.http) as made:
        yield made


async def sent(browser: Browser, **more: str) -> tuple[str, str]:
    """Send a feedback by the pages; its code and secret."""
    await browser.get("/send")
    await browser.post(step="check", **(FILLED | more))
    await browser.post(step="send")
    return browser.codes


async def test_a_form_is_looked_at_and_sent_with_its_files(system: System, browser: Browser) -> None:
    await browser.get("/send")
    await browser.post(step="check", files=[("đơn.pdf", PDF), ("b.pdf", PDF + b" ")], **FILLED)
    assert "Xem lại trước khi gửi" in browser.text
    assert "đơn.pdf" in browser.text
    assert not await system.documents("intake")["feedbacks"].count_documents({"title": FILLED["title"]}), "nothing is sent yet"
    await browser.post(step="send")
    code, secret = browser.codes
    assert browser.path == f"/follow/{code}/sent"
    view = await system.view({"code": code, "lookup_secret": secret}, secret=True)
    assert (view["title"], view["content"]) == (FILLED["title"], FILLED["content"])
    assert [file["name"] for file in view["attachments"]] == ["đơn.pdf", "b.pdf"]
    (fact,) = await system.observer.wait("FeedbackSubmitted", code=code)
    assert (fact.data["channel"], fact.data["province"]) == ("web", "gia-lai")


async def test_all_faults_are_told_at_once_and_nothing_typed_or_chosen_is_lost(browser: Browser) -> None:
    await browser.get("/send")
    typed = FILLED | {"email": "no address", "title": "", "content": "Dòng một\n\nDòng hai"}
    await browser.post(step="check", files=[("a.pdf", PDF), ("b.exe", b"MZ")], **typed)
    assert browser.page.status_code == 422
    for name in ("title", "email", "attachments"):
        assert f'id="{name}-fault"' in browser.page.text
    assert "b.exe" in browser.text
    assert browser.form() | {name: typed[name] for name in typed} == browser.form()
    await browser.post(step="check", email=FILLED["email"], title=FILLED["title"])
    assert "Xem lại trước khi gửi" in browser.text
    assert "a.pdf" in browser.text
    assert "b.exe" not in browser.text
    await browser.post(step="edit")
    assert browser.form()["content"] == typed["content"]
    await browser.post(step="check")
    await browser.post(step="send")
    assert "Đã gửi phản ánh" in browser.text


async def test_files_can_be_removed_and_those_that_were_swept_are_asked_for_by_name(system: System, browser: Browser) -> None:
    """A file that was gone silently would be missed by the agency, and its sender would not know."""
    await browser.get("/send")
    await browser.post(step="check", files=[("a.pdf", PDF), ("b.pdf", PDF)], **FILLED)
    await browser.post(step="edit")
    remove = browser.page.text.partition('name="remove" value="')[2].partition('"')[0]
    await browser.post(remove=remove)
    assert "a.pdf" not in browser.text
    assert "b.pdf" in browser.text
    await system.documents("intake")["fs.files"].delete_many({"filename": "b.pdf"})
    await browser.post(step="check")
    assert "Tệp chỉ được giữ một giờ khi chưa gửi. Hãy thêm lại: b.pdf." in browser.text
    assert browser.form()["content"] == FILLED["content"]


async def test_a_form_that_is_sent_twice_is_one_feedback_and_another_content_is_said_to_be_another(
    system: System, browser: Browser
) -> None:
    """Who presses twice, or goes back and presses again, has not written two feedbacks."""
    await browser.get("/send")
    await browser.post(step="check", **FILLED)
    review = browser.page
    await browser.post(step="send")
    first = browser.codes
    browser.page = review
    await browser.post(step="send")
    assert browser.codes == first
    browser.page = review
    await browser.post(step="send", title="Một việc khác")
    assert f"đã được gửi trước đó với mã {first[0]}" in browser.text
    await browser.post(step="check")
    await browser.post(step="send")
    assert browser.codes[0] != first[0]
    assert await system.documents("intake")["feedbacks"].count_documents({"code": first[0], "title": FILLED["title"]}) == 1


async def test_what_a_program_or_another_site_sends_is_shown_again_and_not_taken(system: System, browser: Browser) -> None:
    await browser.get("/send")
    await browser.post(step="send", **FILLED, website="https://spam.example")
    assert "Có một ô ẩn đã bị điền" in browser.text
    await browser.post(step="send", headers={"Sec-Fetch-Site": "cross-site"})
    assert "Trang đã mở quá lâu" in browser.text
    async with Browser(system.http) as other:
        other.page = browser.page
        await other.post(step="send")
        assert "Trang đã mở quá lâu" in other.text
        assert other.form()["title"] == FILLED["title"]
        await other.post(step="check")
        assert "Xem lại trước khi gửi" in other.text, "by now this browser has a form of its own"


async def test_the_form_takes_no_less_time_than_a_person_needs(make_system: MakeSystem) -> None:
    async with make_system() as slow:
        await slow.start("intake", role="web")
        async with Browser(slow.http) as browser:
            await browser.get("/send")
            await browser.post(step="send", **FILLED)
            assert "vừa mở chưa lâu" in browser.text
            assert browser.form()["title"] == FILLED["title"]


async def test_a_change_of_language_keeps_what_was_typed_and_is_kept_itself(browser: Browser) -> None:
    await browser.get("/send", headers={"Accept-Language": "en;q=0.4, vi;q=0.9, fr"})
    await browser.post(language="en", **FILLED)
    assert "What it is about" in browser.text
    assert browser.form()["content"] == FILLED["content"]
    await browser.get("/follow")
    assert "Follow your feedback" in browser.text
    await browser.get("/language/vi?back=/published%3Fq=a")
    assert str(browser.page.url).endswith("/published?q=a")
    await browser.get("/language/vi?back=//evil.example/")
    assert str(browser.page.url) == "http://localhost:8001/"


async def test_what_is_sent_in_a_class_that_is_not_taken_says_where_to_turn(browser: Browser) -> None:
    await browser.get("/send")
    await browser.post(step="check", **(FILLED | {"category": "to-cao"}))
    assert "Loại này không được tiếp nhận ở đây" in browser.text
    await browser.post(step="send")
    assert "Gửi cơ quan thanh tra." in browser.text


async def test_the_code_shows_what_is_public_and_the_secret_opens_the_rest_in_this_browser(
    system: System, browser: Browser
) -> None:
    code, secret = await sent(browser)
    async with Browser(system.http) as other:
        await other.get(f"/follow/{code.lower()}")
        assert FILLED["content"].partition("\n")[0] not in other.text
        assert other.page.status_code == 200
        await other.get(f"/follow/{code}/sent")
        assert other.path == "/follow"
        assert secret not in other.page.text
        await other.post(code=code.replace(".", " "), secret=secret)
        assert other.path == f"/follow/{code}"
        assert FILLED["content"].partition("\n")[0] in other.text
        assert secret not in str(other.page.url)
        await other.post(to="/close")
        await other.get(f"/follow/{code}")
        assert FILLED["content"].partition("\n")[0] not in other.text
        await other.get(f"/follow/{code}/open?secret={secret}")
        assert str(other.page.url) == f"http://localhost:8001/follow/{code}", "the secret of a letter's link stays in no address"
        assert FILLED["content"].partition("\n")[0] in other.text


async def test_a_wrong_secret_and_a_code_that_nobody_has_look_the_same(system: System, browser: Browser) -> None:
    """Else whoever tries codes would learn which exist before a reply is public."""
    code = (await system.submit())["code"]
    seen = []
    for typed in (code, "PAKN.20200101.0001"):
        await browser.get("/follow")
        await browser.post(code=typed, secret="0" * 24)
        seen.append((browser.page.status_code, browser.page.text.replace(typed, "CODE")))
        link = await browser.get(f"/follow/{typed}/open?secret={'0' * 24}")
        seen.append((link.page.status_code, link.page.text.replace(typed, "CODE")))
    assert seen[:2] == seen[2:]
    assert seen[0][0] == 404


async def test_pages_run_nothing_of_others_and_are_kept_nowhere(system: System, browser: Browser) -> None:
    for path in ("/", "/send", "/follow", "/follow/PAKN.20200101.0001"):
        await browser.get(path)
        headers = browser.page.headers
        policy = headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert headers["cache-control"] == "no-store"
        assert " style=" not in browser.page.text
        assert "://" not in browser.page.text.replace("http://www.w3.org/2000/svg", "").replace("http://localhost:8001", "")
    answer = await system.http.get("/static/000000000000/style.css")
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")


async def test_a_form_holds_whatever_was_typed_and_runs_nothing_of_it(browser: Browser) -> None:
    nasty = '"><script>alert(1)</script>&amp; {{ 7*7 }} </textarea>'
    await browser.get("/send")
    await browser.post(step="check", **(FILLED | {"title": nasty, "content": nasty + "\nx", "email": ""}))
    assert "<script>alert" not in browser.page.text
    assert (browser.form()["title"], browser.form()["content"]) == (nasty, nasty + "\nx")
    await browser.post(step="check", email=FILLED["email"])
    assert "<script>alert" not in browser.page.text
    assert browser.form()["title"] == nasty


async def test_the_sender_answers_what_is_asked_with_files_and_judges_the_reply_once(system: System, browser: Browser) -> None:
    code, secret = await sent(browser)
    (fact,) = await system.observer.wait("FeedbackAssigned", topic="assignments.gia-lai", code=code)
    case = fact.subject

    async def shows(text: str) -> bool:
        return text in (await browser.get(f"/follow/{code}")).text

    await system.post.act("gia-lai", case, "request_more", question="Cột đèn số mấy?")
    await until(lambda: shows("Cột đèn số mấy?"), "the question is shown")
    async with Browser(system.http) as stranger:
        assert "Cột đèn số mấy?" not in (await stranger.get(f"/follow/{code}")).text
    await browser.post(to="/answer", content=" ", files=[("a.exe", b"MZ")])
    assert browser.page.status_code == 422
    assert 'id="content-fault"' in browser.page.text
    assert "a.exe: Không nhận loại tệp này" in browser.text
    asked = browser.page
    await browser.post(to="/answer", content="Cột số 118.", files=[("cột.pdf", PDF)])
    assert "Trả lời của ông/bà đã được gửi đến cơ quan." in browser.text
    browser.page = asked
    await browser.post(to="/answer", content="Cột số 119.")
    assert "vừa thay đổi trong lúc" in browser.text, "one question has one answer"
    forwarded = await system.observer.wait("MatterForwarded", topic="assignments.gia-lai", code=code, count=2)
    assert [row["content"] for row in forwarded[-1].data["supplements"]] == ["Cột số 118."]

    await system.post.act("gia-lai", case, "reply", reply="Đã sửa xong ba bóng đèn.")
    await system.post.act("gia-lai", case, "publish", actor="cb2")
    await until(lambda: shows("Đã sửa xong ba bóng đèn."), "the reply is shown")
    await browser.post(to="/rating", remark="Vẫn còn một bóng chưa sáng.")
    assert 'id="satisfied-fault"' in browser.page.text
    await browser.post(to="/rating", satisfied="no", remark="Vẫn còn một bóng chưa sáng.")
    assert "Cảm ơn ông/bà đã đánh giá." in browser.text
    assert "Không hài lòng" in browser.text
    (rated,) = await system.observer.wait("FeedbackRated", code=code)
    assert rated.data["satisfied"] is False
    assert "bóng" not in rated.value.decode()
    forwarded = await system.observer.wait("MatterForwarded", topic="assignments.gia-lai", code=code, count=3)
    assert forwarded[-1].data["remark"] == "Vẫn còn một bóng chưa sáng."
    view = await system.view({"code": code, "lookup_secret": secret})
    assert "remark" not in view


async def test_an_act_without_the_opened_page_is_refused(system: System, browser: Browser) -> None:
    """Another site may make a browser post; it cannot make it hold what our page holds."""
    code, _ = await sent(browser)
    await browser.get(f"/follow/{code}")
    for path in ("answer", "rating", "close"):
        browser.page = await browser._http.post(f"/follow/{code}/{path}", data={"satisfied": "yes", "content": "x"})
        assert browser.page.status_code == 403
    answer = await system.http.post(f"/follow/{code}/rating", data={"satisfied": "yes"})
    assert answer.status_code == 403
    assert answer.headers["content-type"].startswith("text/html")


async def published(system: System, browser: Browser, title: str, reply: str) -> str:
    """A feedback whose reply is published; its code."""
    code, _ = await sent(browser, title=title)
    (fact,) = await system.observer.wait("FeedbackAssigned", topic="assignments.gia-lai", code=code)
    await system.post.act("gia-lai", fact.subject, "reply", reply=reply)
    await system.post.act("gia-lai", fact.subject, "publish", actor="cb2")

    async def is_listed() -> bool:
        return (await browser.get(f"/published/{code}")).page.status_code == 200

    await until(is_listed, "the reply has its page")
    return code


async def test_published_replies_are_found_filtered_paged_and_fed_and_erased_words_are_gone(
    system: System, browser: Browser
) -> None:
    mark = "Cầu Bến Mẫu"
    codes = [await published(system, browser, f"{mark} {n}, gọi 0912345678", f"Trả lời thứ {n}") for n in range(3)]
    await browser.get(f"/published/{codes[0]}")
    assert "Trả lời thứ 0" in browser.text
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

    feed = await system.http.get("/published.atom?q=ben+mau", headers={"Accept-Language": "vi"})
    assert feed.headers["content-type"].startswith("application/atom+xml")
    entries = ElementTree.fromstring(feed.text).findall("{http://www.w3.org/2005/Atom}entry")
    assert [entry.findtext("{http://www.w3.org/2005/Atom}id") for entry in entries] == [
        f"http://localhost:8001/published/{code}" for code in reversed(codes)
    ]

    await erase_sender(system.settings, codes[1], matter=True)
    await browser.get("/published?q=ben+mau")
    assert codes[1] not in browser.page.text
    await browser.get("/published?q=tra+loi+thu+1")
    assert codes[1] in browser.page.text, "the reply itself is the agency's"
    assert (await browser.get("/published/PAKN.20200101.0001")).page.status_code == 404


async def test_a_category_asks_its_own_questions_and_the_agency_gets_the_answers(system: System, browser: Browser) -> None:
    ours = "a.hanh-vi-can-bo-cong-chuc"
    typed = FILLED | {"category": "hanh-vi-can-bo-cong-chuc", f"{ours}.ngay": "32/13/2026", f"{ours}.cach": "truc-tiep"}
    await browser.get("/send?category=hanh-vi-can-bo-cong-chuc")
    assert browser.form()["category"] == "hanh-vi-can-bo-cong-chuc"
    await browser.post(step="check", **typed)
    assert f'id="{ours}.ngay-fault"' in browser.page.text
    assert browser.form()[f"{ours}.cach"] == "truc-tiep"
    await browser.post(step="check", **{f"{ours}.ngay": "2026-03-01", f"{ours}.lan": "3"})
    assert "Bằng cách nào? Trực tiếp" in browser.text
    assert "Ngày nào? 01/03/2026" in browser.text
    await browser.post(step="send")
    code, secret = browser.codes
    (forwarded,) = await system.observer.wait("MatterForwarded", topic="assignments.gia-lai", code=code)
    assert [(row["question"], row["value"], row["shown"]) for row in forwarded.data["answers"]] == [
        ("ngay", "2026-03-01", None),
        ("lan", "3", None),
        ("cach", "truc-tiep", "Trực tiếp"),
    ]
    view = await system.view({"code": code, "lookup_secret": secret}, secret=True)
    assert len(view["answers"]) == 3
    assert "answers" not in await system.view({"code": code})
    await erase_sender(system.settings, code, matter=True)
    row = await system.documents("intake")["feedbacks"].find_one({"code": code})
    assert not {"answers", "commune", "where"} & set(row)


async def test_what_was_answered_before_is_shown_before_the_same_is_sent_again(system: System, browser: Browser) -> None:
    code = await published(system, browser, "Vỉa hè bị lấn chiếm trước chợ Mẫu", "Đã giải tỏa.")
    await browser.get("/send")
    await browser.post(step="check", **(FILLED | {"title": "vỉa hè trước chợ mẫu bị lấn chiếm"}))
    assert f"/published/{code}" in browser.page.text
    await browser.post(step="send")
    assert "Đã gửi phản ánh" in browser.text


async def test_replies_of_before_are_listed_once_the_service_has_started(system: System, browser: Browser) -> None:
    """A release that brings the list would otherwise show an empty one, where thousands were answered."""
    code = await published(system, browser, "Một việc cũ", "Đã trả lời")
    documents = system.documents("intake")
    await documents["published"].delete_many({})
    await documents["counters"].delete_one({"_id": "published/1"})
    publications = Publications(documents, IntakeStore(documents), titles=True)
    assert await publications.build() >= 1
    assert code in (await browser.get("/published?q=mot+viec+cu")).page.text
    assert await publications.build() == 0


def test_the_filled_form_says_what_the_interface_takes() -> None:
    assert set(GOOD["sender"]) == {"name", "address", "phone", "email"} <= set(FILLED)
