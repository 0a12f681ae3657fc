"""What looks alike, shown while somebody types: in a real browser, under the pages' own Content-Security-Policy."""

import pytest

from tests.support.chromium import PROGRAM, WHY_NONE, chromium
from tests.support.pages import Browser, sent
from tests.support.serving import serving
from tests.support.system import System

pytestmark = pytest.mark.skipif(PROGRAM is None, reason=WHY_NONE)
TITLE = "Hố ga mất nắp giữa lối đi"


async def test_a_case_nearby_is_shown_while_the_title_is_typed_until_mine_is_said_to_be_different(
    people: System, browser: Browser
) -> None:
    """Whoever has to fill in everything first, and is told then, sends it all the same."""
    code, _ = await sent(browser, title=TITLE, commune="Phường Hố")
    async with serving(people.services["intake"].app) as url, chromium() as program:
        page = await (await program.new_context(locale="vi-VN")).new_page()
        said: list[str] = []
        page.on("console", lambda line: said.append(line.text))
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        await page.goto(f"{url}/send")
        box = page.locator("[data-similar]")
        assert await box.is_hidden()
        await page.check("#category-khac")
        await page.select_option("#province", "gia-lai")
        await page.fill("#commune", "phuong ho")
        await page.fill("#title", "ho ga mat nap giua loi di")
        await box.locator(f'a[href="/follow/{code}"]').wait_for()
        assert TITLE not in await box.inner_text()
        questions = [address for address in asked if "similar" in address]
        assert 1 <= len(questions) <= 2, "one at each pause"
        assert not any("?" in address for address in questions), "what is typed stands in no address"
        await box.locator("[data-different]").click()
        assert await box.is_hidden()
        assert await page.input_value("#title") == "ho ga mat nap giua loi di"
        assert said == []
