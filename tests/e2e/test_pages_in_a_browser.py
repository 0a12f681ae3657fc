"""Everything that a person does on the pages, in a real browser: phone and desk, both languages, with scripts and without.

`make screenshots` runs it too, with the pack of Vietnam, and keeps a picture of each page.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from playwright.async_api import Browser, Error, Page, Route

from pakn.local.launcher import Servers
from pakn.settings import IntakeSettings
from tests.support import packs
from tests.support.chromium import PROGRAM, WHY_NONE, chromium
from tests.support.looks import FOLDER, Looks
from tests.support.outside_world import until
from tests.support.serving import serving
from tests.support.system import SECRET_KEY, START, System, make_settings

pytestmark = pytest.mark.skipif(PROGRAM is None, reason=WHY_NONE)
PDF = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"
FILES: list[Any] = [
    {"name": f"{name}.pdf", "mimeType": "application/pdf", "buffer": PDF + b" " * n} for n, name in enumerate("abc")
]
WORDS = {
    "vi": {
        "title": "Đèn chiếu sáng trước cổng trường hỏng hơn một tháng",
        "content": "Ba bóng đèn trước cổng trường đã hỏng hơn một tháng.\nBuổi tối rất tối.\n\nĐề nghị sửa chữa.",
        "question": "Đề nghị ông/bà cho biết số của cột đèn và vị trí so với cổng trường.",
        "answer": "Cột đèn mang số 118, bên trái cổng trường.",
        "reply": "Ủy ban nhân dân đã kiểm tra và thay ba bóng đèn trước cổng trường.\n\nĐường dây cũng đã được sửa.",
        "remark": "Vẫn còn một bóng chưa sáng.",
        "sent": "Đã gửi phản ánh",
        "accepted": "Đang xử lý",
        "answered": "Trả lời của ông/bà đã được gửi đến cơ quan.",
        "objected": "Đề nghị xem xét lại đã được ghi nhận",
        "hidden": "Tên không còn hiện bên cạnh trả lời.",
        "rated": "Cảm ơn ông/bà đã đánh giá.",
    },
    "en": {
        "title": "Street lights before the school have been broken for a month",
        "content": "Three lamps before the gate have been broken for a month.\nIt is dark in the evening.\n\nPlease mend them.",
        "question": "Please tell us the number of the pole, and on which side of the gate it stands.",
        "answer": "The pole has the number 118, left of the gate.",
        "reply": "The people's committee has replaced three lamps before the school gate.\n\nThe line was mended too.",
        "remark": "One lamp is still dark.",
        "sent": "Your feedback is sent",
        "accepted": "In hand",
        "answered": "Your answer has gone to the agency.",
        "objected": "Your objection is recorded",
        "hidden": "Your name no longer stands beside the reply.",
        "rated": "Thank you for judging the reply.",
    },
}
SIZES = {"phone": {"width": 360, "height": 740}, "desk": {"width": 1280, "height": 900}}


@pytest.fixture(scope="module")
async def system(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    intake = IntakeSettings.model_validate({"secret_key": SECRET_KEY, "sweep_seconds": 0.5, "form_seconds": 0})
    pack = "vn" if FOLDER else str(packs.FOLDER)
    settings = make_settings(servers, "pagesinabrowser", tmp_path_factory.mktemp("pages") / "clock", intake=intake, pack=pack)
    async with System(settings) as made:
        await made.start("intake", "routing", "deadlines")
        yield made


@pytest.fixture(scope="module")
async def address(system: System) -> AsyncIterator[str]:
    async with serving(system.services["intake"].app) as url:
        yield url


@pytest.fixture
async def browser(language: str) -> AsyncIterator[Browser]:
    async with chromium(language) as made:
        yield made


@pytest.mark.parametrize(("language", "size", "scripts"), [
    ("vi", "phone", False), ("en", "desk", False), ("vi", "desk", True), ("en", "phone", True),
])  # fmt: skip
async def test_a_person_sends_follows_answers_and_judges(
    system: System, address: str, browser: Browser, language: str, size: str, scripts: bool
) -> None:
    """Each page is looked at on the way: nothing wider than the screen, nothing heavy, nothing that WCAG forbids."""
    system.set_clock(START)
    words = WORDS[language]
    locale = {"vi": "vi-VN", "en": "en-GB"}[language]
    context = await browser.new_context(
        java_script_enabled=scripts,
        locale=locale,
        timezone_id="Asia/Ho_Chi_Minh",
        viewport=SIZES[size],  # type: ignore[arg-type]
    )
    page = await context.new_page()
    looks = Looks(page, f"{language}-{size}", scripts=scripts)

    await page.goto(f"{address}/")
    await looks.look("01-home")
    await page.click('a.button[href="/send"]')
    await looks.look("02-send")
    await page.check("#category-to-cao")
    await page.click("form .acts button")
    await looks.look("03-faults")
    await fill(page, words)
    await page.set_input_files("#attachments", [*FILES, {"name": "x.exe", "mimeType": "application/octet-stream", "buffer": b"MZ"}])
    await page.fill("#email", "nobody")
    await page.click("form .acts button")
    assert await page.input_value("#content") == words["content"]
    assert await page.locator(".files li").count() == 3
    await looks.look("04-faults-of-files")
    await page.fill("#email", "nguoigui@example.org")
    await page.click("form .acts button")
    assert "Nguyễn V. M." in await page.inner_text("main")
    await looks.look("05-review")
    await page.click("button[value=send]")
    assert await page.inner_text("h1") == words["sent"]
    await looks.look("06-sent")
    code, secret = await page.locator(".code").all_inner_texts()
    (fact,) = await system.observer.wait("FeedbackAssigned", topic="assignments.gia-lai", code=code)
    case = fact.subject

    async def shows(text: str) -> bool:
        await page.goto(f"{address}/follow/{code}")
        return text in await page.inner_text("main")

    system.set_clock(START + timedelta(days=2))
    await system.post.act("gia-lai", case, "request_more", question=words["question"])
    await until(lambda: shows(words["question"]), "the question is shown")
    await looks.look("07-asked")
    await page.fill("#content", words["answer"])
    await page.set_input_files("#attachments", FILES[:1])
    await page.click("form[action$=answer] button")
    assert words["answered"] in await page.inner_text("main")
    await looks.look("08-answered")

    await system.observer.wait("FeedbackSupplemented", topic="assignments.gia-lai", code=code)
    system.set_clock(START + timedelta(days=4))
    await system.post.act("gia-lai", case, "accept")
    await until(lambda: page_is_in_hand(page, f"{address}/follow/{code}", words["accepted"]), "the last day is shown")
    await page.evaluate("document.querySelector('details').open = true")
    await looks.look("09-accepted")

    system.set_clock(START + timedelta(days=9))
    await system.post.act("gia-lai", case, "reply", reply=words["reply"], document_number="118/TB-MAU")
    await system.post.act("gia-lai", case, "publish", actor="cb2")
    await until(lambda: shows(words["reply"].partition("\n")[0]), "the reply is shown")
    await looks.look("10-published")
    await page.check("#satisfied-no")
    await page.fill("#remark", words["remark"])
    await page.click("form[action$=rating] button")
    assert words["rated"] in await page.inner_text("main")
    await looks.look("11-judged")

    if await page.locator("form[action$=objection]").count():
        # Only where the pack allows it.
        await page.click("section[aria-labelledby=object] summary")
        await page.fill("#content", words["remark"])
        await page.click("form[action$=objection] button")
        assert words["objected"] in await page.inner_text("main")
        await looks.look("16-objected")

    await page.goto(f"{address}/published?q={words['title'].split()[-1]}")
    await looks.look("12-replies")
    await page.click(f'a[href="/published/{code}"]')
    assert "Nguyễn V. M." in await page.inner_text("main")
    await looks.look("13-reply")

    await page.goto(f"{address}/published")
    await page.fill("#name", "mau van nguyen")
    await page.press("#name", "Enter")
    await page.wait_for_url("**name=mau*")
    assert await page.input_value("#name") == "mau van nguyen"
    assert await page.locator(f'a[href="/published/{code}"]').count() == 1
    assert "Văn" not in await page.inner_text("ul.list")
    await looks.look("17-found-by-name")
    await page.goto(f"{address}/follow/{code}")
    await page.press("form[action$=name] button", "Enter")
    await page.wait_for_url("**?done=name_hidden")
    assert words["hidden"] in await page.inner_text("main")
    await looks.look("18-name-hidden")
    await page.goto(f"{address}/published?name=nguyen")
    assert await page.locator(f'a[href="/published/{code}"]').count() == 0

    other = await browser.new_context(java_script_enabled=scripts, locale=locale, viewport=SIZES[size])  # type: ignore[arg-type]
    page = await other.new_page()
    looks = Looks(page, f"{language}-{size}", scripts=scripts)
    await page.goto(f"{address}/follow")
    await page.fill("#code", code)
    await page.fill("#secret", "wrong")
    await page.click("form .acts button")
    await looks.look("14-follow")
    await page.fill("#code", code.lower())
    await page.click("form .acts button")
    assert words["content"].partition("\n")[0] not in await page.inner_text("main")
    await looks.look("15-public")
    await page.goto(f"{address}/follow/{code}/open?secret={secret}")
    assert page.url == f"{address}/follow/{code}"
    assert words["content"].partition("\n")[0] in await page.inner_text("main")
    await context.close()
    await other.close()


@pytest.mark.parametrize("language", ["vi"])
async def test_who_has_said_that_his_matter_is_another_is_not_asked_again(address: str, browser: Browser, language: str) -> None:
    """An answer that was still on its way showed the box anew."""
    page = await (await browser.new_context(locale="vi-VN")).new_page()
    asked, go_on, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()
    questions = list[str]()

    async def answer(route: Route) -> None:
        questions.append(route.request.url)
        if len(questions) > 1:
            asked.set()
            await go_on.wait()
        with contextlib.suppress(Error):  # The browser may have given up this one.
            await route.fulfill(content_type="text/html", body='<p><a href="#title" data-different>Khác</a></p>')
        if len(questions) > 1:
            ended.set()

    await page.route("**/similar", answer)
    await page.goto(f"{address}/send")
    await fill(page, WORDS[language])
    box = page.locator("[data-similar]")
    await box.locator("[data-different]").wait_for()
    await page.fill("#title", WORDS[language]["title"] + " hôm nay")
    await asyncio.wait_for(asked.wait(), 10)
    await box.locator("[data-different]").click()
    go_on.set()
    await asyncio.wait_for(ended.wait(), 10)
    await page.evaluate("() => fetch(location.href)")
    assert await box.is_hidden()


async def fill(page: Page, words: dict[str, str]) -> None:
    """What a person types into the form."""
    await page.check("#category-hanh-vi-can-bo-cong-chuc")
    await page.fill("#title", words["title"])
    await page.fill("#content", words["content"])
    await page.select_option("#province", "gia-lai")
    await page.fill("#commune", "Phường Mẫu")
    await page.fill("#place", "Đường Mẫu 5")
    await page.fill("#name", "Nguyễn Văn Mẫu")
    await page.fill("#address", "Số 1, đường Mẫu 5")
    await page.fill("#phone", "0900000000")
    await page.check("#publish_name")


async def page_is_in_hand(page: Page, url: str, state: str) -> bool:
    """Whether the page of a feedback shows that it was accepted, and why its last day is that day."""
    await page.goto(url)
    return await page.inner_text(".state") == state and await page.locator("details").count() > 0
