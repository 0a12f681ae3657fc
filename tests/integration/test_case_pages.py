"""The pages by which people follow a feedback, answer and judge."""

import re
from typing import Any

from tests.support.outside_world import until
from tests.support.pages import FILLED, PDF, Browser, sent
from tests.support.system import System


async def test_the_code_shows_what_is_public_and_the_secret_opens_the_rest_in_this_browser(
    people: System, browser: Browser
) -> None:
    code, secret = await sent(browser)
    async with Browser(people.http) as other:
        await other.get(f"/follow/{code.lower()}")
        assert FILLED["content"].partition("\n")[0] not in other.text
        assert other.page.status_code == 200
        assert "noindex" in other.page.text
        for done in ("objected", "answered", "rated", "name_hidden"):
            await other.get(f"/follow/{code}?done={done}")
            assert 'role="status"' not in other.page.text, "any link could tell anybody that something was done"
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


async def test_a_wrong_secret_and_a_code_that_nobody_has_look_the_same(people: System, browser: Browser) -> None:
    """Else whoever tries codes would learn which exist before a reply is public."""
    code = (await people.submit())["code"]
    seen = []
    for typed in (code, "PAKN.20200101.0001"):
        await browser.get("/follow")
        await browser.post(code=typed, secret="0" * 24)
        seen.append((browser.page.status_code, browser.page.text.replace(typed, "CODE")))
        link = await browser.get(f"/follow/{typed}/open?secret={'0' * 24}")
        seen.append((link.page.status_code, link.page.text.replace(typed, "CODE")))
    assert seen[:2] == seen[2:]
    assert seen[0][0] == 404


async def test_the_sender_answers_what_is_asked_with_files_and_judges_the_reply_once(people: System, browser: Browser) -> None:
    code, secret = await sent(browser)
    (fact,) = await people.observer.wait("FeedbackAssigned", topic="assignments.gia-lai", code=code)
    case = fact.subject

    async def shows(text: str) -> bool:
        return text in (await browser.get(f"/follow/{code}")).text

    await people.post.act("gia-lai", case, "request_more", question="Cột đèn số mấy?")
    await until(lambda: shows("Cột đèn số mấy?"), "the question is shown")
    async with Browser(people.http) as stranger:
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
    forwarded = await people.observer.wait("MatterForwarded", topic="assignments.gia-lai", code=code, count=2)
    assert [row["content"] for row in forwarded[-1].data["supplements"]] == ["Cột số 118."]
    await browser.get(f"/follow/{code}")
    assert "Cột số 118." in browser.text, "what was answered is to be read again"
    file = re.findall(rf'href="(/follow/{code}/files/[^"]+)" download>cột.pdf<', browser.page.text)
    assert len(file) == 1
    assert (await browser.get(file[0])).page.content == PDF
    async with Browser(people.http) as stranger:
        assert "Cột số 118." not in (await stranger.get(f"/follow/{code}")).text
        assert (await stranger.get(file[0])).page.status_code == 404

    await people.post.act("gia-lai", case, "reply", reply="Đã sửa xong ba bóng đèn.")
    await people.post.act("gia-lai", case, "publish", actor="cb2")
    await until(lambda: shows("Đã sửa xong ba bóng đèn."), "the reply is shown")
    assert "Tiếp theo: người gửi cho biết có hài lòng hay không." in browser.text
    await browser.post(to="/rating", remark="Vẫn còn một bóng chưa sáng.")
    assert 'id="satisfied-fault"' in browser.page.text
    await browser.post(to="/rating", satisfied="no", remark="Vẫn còn một bóng chưa sáng.")
    assert "Cảm ơn ông/bà đã đánh giá." in browser.text
    assert "Không hài lòng" in browser.text
    assert "Tiếp theo" not in browser.text, "nothing is left for who has judged"
    (rated,) = await people.observer.wait("FeedbackRated", code=code)
    assert rated.data["satisfied"] is False
    assert "bóng" not in rated.value.decode()
    forwarded = await people.observer.wait("MatterForwarded", topic="assignments.gia-lai", code=code, count=3)
    assert forwarded[-1].data["remark"] == "Vẫn còn một bóng chưa sáng."
    view = await people.view({"code": code, "lookup_secret": secret})
    assert "remark" not in view


async def test_who_is_not_satisfied_objects_and_another_agency_answers_anew(people: System, browser: Browser) -> None:
    code, _ = await sent(browser)
    (fact,) = await people.observer.wait("FeedbackAssigned", topic="assignments.gia-lai", code=code)
    case, coordinator = fact.subject, people.pack.header.coordinator

    async def shows(text: str) -> bool:
        return text in (await browser.get(f"/follow/{code}")).text

    await people.post.act("gia-lai", case, "reply", reply="Đã sửa.")
    await people.post.act("gia-lai", case, "publish", actor="cb2")
    await until(lambda: shows("Ông/bà có hài lòng"), "the reply is shown")
    assert "/objection" not in browser.page.text
    await browser.post(to="/rating", satisfied="no")
    await browser.post(to="/objection", content="Vẫn chưa sửa.", files=[("ảnh.pdf", PDF)])
    assert "Đề nghị xem xét lại đã được ghi nhận" in browser.text
    assert "Vẫn chưa sửa." in browser.text
    assert "/objection" not in browser.page.text, "once is enough"
    (assigned,) = await people.observer.wait("FeedbackAssigned", topic=f"assignments.{coordinator}", code=code)
    assert (assigned.data["routing_rule"], assigned.data["previous_agency"]) == ("appeal", "gia-lai")
    kept = b"".join(row.value or b"" for row in people.observer.records if row.topic == "feedback")
    assert "Vẫn chưa sửa.".encode() not in kept, "what is kept for ever holds no words of a sender's"

    def objections() -> list[Any]:
        # The fact and what was said come by two topics: the agency may first get the matter as it was before.
        rows = people.observer.found("MatterForwarded", topic=f"assignments.{coordinator}", code=code)
        return [row.data["appeals"] for row in rows if row.data["appeals"]]

    (*_, said) = await until(objections, "the objection is with the other agency")
    assert [(row["content"], len(row["attachments"])) for row in said] == [("Vẫn chưa sửa.", 1)]
    await people.observer.wait_clock("set", subject=case, rule="handle_reply", agency=coordinator)
    await people.post.act(coordinator, case, "reply", reply="Nay đã sửa thật.")
    await people.post.act(coordinator, case, "publish", actor="cb2")
    await until(lambda: shows("Nay đã sửa thật."), "the second reply is shown")
    await browser.post(to="/rating", satisfied="yes")
    assert "Cảm ơn ông/bà đã đánh giá." in browser.text


async def test_an_act_without_the_opened_page_is_refused(people: System, browser: Browser) -> None:
    """Another site may make a browser post; it cannot make it hold what our page holds."""
    code, _ = await sent(browser)
    await browser.get(f"/follow/{code}")
    for path in ("answer", "rating", "close"):
        browser.page = await browser._http.post(f"/follow/{code}/{path}", data={"satisfied": "yes", "content": "x"})
        assert browser.page.status_code == 403
    answer = await people.http.post(f"/follow/{code}/rating", data={"satisfied": "yes"})
    assert answer.status_code == 403
    assert answer.headers["content-type"].startswith("text/html")


async def test_a_new_secret_closes_the_feedback_in_all_other_browsers(people: System, browser: Browser) -> None:
    code, former = await sent(browser)
    await people.shows({"code": code}, "assigned")
    async with Browser(people.http) as other:
        await other.get(f"/follow/{code}/open?secret={former}")
        assert FILLED["content"].partition("\n")[0] in other.text
        await browser.get(f"/follow/{code}/sent")
        await browser.post(to="/secret")
        assert "Đã đổi mã bí mật." in browser.text
        (again, new) = browser.codes
        assert (again, new != former) == (code, True)
        await other.get(f"/follow/{code}")
        assert FILLED["content"].partition("\n")[0] not in other.text
        await other.get(f"/follow/{code}/open?secret={former}")
        assert other.page.status_code == 404
        await other.get(f"/follow/{code}/open?secret={new}")
        assert FILLED["content"].partition("\n")[0] in other.text
