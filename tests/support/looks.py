"""Looks at pages in a real browser as those who cannot see well, have a small phone or pay for each byte would judge them."""

import io
import os
from pathlib import Path
from typing import Any

from axe_playwright_python.async_playwright import Axe
from PIL import Image
from playwright.async_api import Page

MOST_BYTES = 60_000
_RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
_LOADED = """[...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
    .map(({name, decodedBodySize}) => ({name, size: decodedBodySize}))"""
# Where `make screenshots` wants pictures.
FOLDER = os.environ.get("SCREENSHOTS")


class Looks:
    """Watches one browser page: what it loads, what it complains about, and how it looks."""

    def __init__(self, page: Page, suffix: str, *, scripts: bool) -> None:
        """`suffix` names the pictures; with `scripts` the rules of WCAG are tried, which are a script themselves."""
        self.page = page
        self.complaints: list[str] = []
        self._suffix = suffix
        self._scripts = scripts
        page.on("console", lambda message: self.complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    async def look(self, name: str) -> None:
        """Check the page as it stands, and take a picture of it where pictures are wanted."""
        wide = await self.page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        assert wide[0] <= wide[1], f"{name} is wider than the screen"
        loaded = await self.page.evaluate(_LOADED)
        assert sum(row["size"] for row in loaded) < MOST_BYTES, (name, loaded)
        here = "/".join(self.page.url.split("/")[:3]) + "/"
        assert all(row["name"].startswith(here) for row in loaded), loaded
        if self._scripts:
            found = await Axe().run(self.page, options=_RULES)
            assert not found.response["violations"], [_told(row) for row in found.response["violations"]]
        # A form that is shown again with its faults has a status that browsers complain about.
        self.complaints = [text for text in self.complaints if "422" not in text and "404" not in text]
        assert not self.complaints
        if FOLDER:
            await self._picture(Path(FOLDER) / f"{name}-{self._suffix}.png")

    async def _picture(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = Image.open(io.BytesIO(await self.page.screenshot(full_page=True)))
        # A third of the bytes; the pages have few colours.
        picture.convert("RGB").quantize(64).save(path, optimize=True)


def _told(row: dict[str, Any]) -> tuple[str, str, list[str]]:
    return row["id"], row["help"], [node["html"][:200] for node in row["nodes"]]
