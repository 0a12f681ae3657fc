"""A real browser, where this machine has one: Debian's Chromium, driven by Playwright."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, async_playwright

PROGRAM = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
WHY_NONE = "no Chromium on this machine (Debian: apt-get install chromium): the pages were NOT tried in a real browser"


@asynccontextmanager
async def chromium(language: str = "en") -> AsyncIterator[Browser]:
    """A browser without a window. Raises AssertionError where there is none.

    Its own words, such as those beside a field for files, are in `language` where the browser has it (Debian: chromium-l10n).
    """
    assert PROGRAM, WHY_NONE
    async with async_playwright() as playwright:
        # Root has no sandbox, and a container little shared memory.
        arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-quic", "--disable-component-update", "--disable-sync"]
        browser = await playwright.chromium.launch(
            executable_path=PROGRAM, args=arguments, env={**os.environ, "LANGUAGE": language}
        )
        try:
            yield browser
        finally:
            await browser.close()
