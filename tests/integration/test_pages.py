"""The pages by which people send, without JavaScript, on a real Kafka and a real database."""

from services.intake.commands import erase_sender
from tests.integration.conftest import MakeSystem
from tests.support.outside_world import GOOD
from tests.support.pages import FILLED, PDF, PNG, Browser
from tests.support.system import System


async def test_a_form_is_looked_at_and_sent_with_its_files(people: System, browser: Browser) -> None:
    await browser.get("/send")
    await browser.post(step="check", files=[("đơn.pdf", PDF), ("b.pdf", PDF + b" ")], **FILLED)
    assert "Xem lại trước khi gửi" in browser.text
    assert "đơn.pdf" in browser.text
    assert not await people.documents("intake")["feedbacks"].count_documents({"title": FILLED["title"]}), "nothing is sent yet"
    await browser.post(step="send")
    code, secret = browser.codes
    assert browser.path == f"/follow/{code}/sent"
    view = await people.view({"code": code, "lookup_secret": secret}, secret=True)
    assert (view["title"], view["content"]) == (FILLED["title"], FILLED["content"])
    assert [file["name"] for file in view["attachments"]] == ["đơn.pdf", "b.pdf"]
    (fact,) = await people.observer.wait("FeedbackSubmitted", code=code)
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


async def test_a_step_that_is_sent_again_brings_none_of_its_files_twice(people: System, browser: Browser) -> None:
    """On a bad line the answer gets lost, and whoever presses again sends the same photo once more."""
    await browser.get("/send")
    empty = browser.page
    for _ in range(2):
        browser.page = empty
        await browser.post(step="check", files=[("a.pdf", PDF), ("b.pdf", PDF)], **FILLED)
    await browser.post(step="send")
    code, _ = browser.codes
    kept = await people.documents("intake")["feedbacks"].find_one({"code": code})
    assert [row["name"] for row in kept["attachments"]] == ["a.pdf", "b.pdf"]
    stored = {"metadata.feedback_id": kept["_id"]}
    assert await people.documents("intake")["fs.files"].count_documents(stored) == 2, "and leaves none behind"


async def test_files_can_be_removed_and_those_that_were_swept_are_asked_for_by_name(people: System, browser: Browser) -> None:
    """A file that was gone silently would be missed by the agency, and its sender would not know."""
    await browser.get("/send")
    await browser.post(step="check", files=[("a.pdf", PDF), ("b.pdf", PDF)], **FILLED)
    await browser.post(step="edit")
    remove = browser.page.text.partition('name="remove" value="')[2].partition('"')[0]
    await browser.post(remove=remove)
    assert "a.pdf" not in browser.text
    assert "b.pdf" in browser.text
    await people.documents("intake")["fs.files"].delete_many({"filename": "b.pdf"})
    await browser.post(step="check")
    assert "Tệp chỉ được giữ một giờ khi chưa gửi. Hãy thêm lại: b.pdf." in browser.text
    assert browser.form()["content"] == FILLED["content"]


async def test_a_form_that_is_sent_twice_is_one_feedback_and_another_content_is_said_to_be_another(
    people: System, browser: Browser
) -> None:
    """Who presses twice, or goes back and presses again, has not written two feedbacks."""
    await browser.get("/send")
    await browser.post(step="check", files=[("ảnh.png", PNG)], **FILLED)
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
    assert await people.documents("intake")["feedbacks"].count_documents({"code": first[0], "title": FILLED["title"]}) == 1


async def test_what_a_program_or_another_site_sends_is_shown_again_and_not_taken(people: System, browser: Browser) -> None:
    await browser.get("/send")
    await browser.post(step="send", **FILLED, website="https://spam.example")
    assert "Có một ô ẩn đã bị điền" in browser.text
    await browser.post(step="send", headers={"Sec-Fetch-Site": "cross-site"})
    assert "Trang đã mở quá lâu" in browser.text
    async with Browser(people.http) as other:
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


async def test_pages_run_nothing_of_others_and_are_kept_nowhere(people: System, browser: Browser) -> None:
    for path in ("/", "/send", "/follow", "/follow/PAKN.20200101.0001"):
        await browser.get(path)
        headers = browser.page.headers
        policy = headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert headers["cache-control"] == "no-store"
        assert " style=" not in browser.page.text
        assert "://" not in browser.page.text.replace("http://www.w3.org/2000/svg", "").replace("http://localhost:8001", "")
    answer = await people.http.get("/static/000000000000/style.css")
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


async def test_a_category_asks_its_own_questions_and_the_agency_gets_the_answers(people: System, browser: Browser) -> None:
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
    (forwarded,) = await people.observer.wait("MatterForwarded", topic="assignments.gia-lai", code=code)
    assert [(row["question"], row["value"], row.get("shown")) for row in forwarded.data["answers"]] == [
        ("ngay", "2026-03-01", None),
        ("lan", "3", None),
        ("cach", "truc-tiep", "Trực tiếp"),
    ]
    view = await people.view({"code": code, "lookup_secret": secret}, secret=True)
    assert len(view["answers"]) == 3
    assert "answers" not in await people.view({"code": code})
    await erase_sender(people.settings, code, matter=True)
    row = await people.documents("intake")["feedbacks"].find_one({"code": code})
    assert not {"answers", "commune", "where"} & set(row)


def test_the_filled_form_says_what_the_interface_takes() -> None:
    assert set(GOOD["sender"]) == {"name", "address", "phone", "email"} <= set(FILLED)
