"""A browser without JavaScript, as far as people need one for the pages: links, forms, cookies; what a person would see."""

import html
import re
from collections import defaultdict
from collections.abc import Sequence
from html.parser import HTMLParser
from typing import Any, Self

import httpx


class Form(HTMLParser):
    """The form of a page: where it goes, what its fields hold as they are shown, and what it offers to choose."""

    def __init__(self, html: str, wanted: str = "") -> None:
        """`wanted`: the end of the form's address, where a page has several. Raises ValueError where the page has none."""
        super().__init__()
        self.action, self.fields = "", dict[str, str]()
        self.offers: dict[str, dict[str, str]] = defaultdict(dict)
        """The values of choices by the words that a person reads, by the field's name."""
        self._wanted, self._inside, self._area, self._select = wanted, False, "", ""
        self._radios: dict[str, tuple[str, str]] = {}
        self._offer: tuple[str, str] | None = None
        self.feed(html)
        if not self.action:
            raise ValueError("the page has no such form")

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        """Take fields of the wanted form as they begin."""
        said = {key: value or "" for key, value in attrs}
        if tag == "form":
            self._inside = said["action"].endswith(self._wanted)
            self.action = said["action"] if self._inside else self.action
        if not self._inside:
            return
        if tag == "input" and said.get("type") not in ("file", "submit") and "name" in said:
            if said.get("type") not in ("radio", "checkbox") or "checked" in said:
                self.fields[said["name"]] = said.get("value", "")
            if "id" in said:
                self._radios[said["id"]] = (said["name"], said.get("value", ""))
        elif tag == "label":
            self._offer = self._radios.get(said.get("for", ""))
        elif tag == "textarea":
            self._area = said["name"]
            self.fields[self._area] = ""
        elif tag == "select":
            self._select = said["name"]
            self.fields[self._select] = ""
        elif tag == "option":
            self._offer = (self._select, said["value"])
            if "selected" in said:
                self.fields[self._select] = said["value"]

    def handle_data(self, data: str) -> None:
        """Take the text of a choice, or of a field of several lines, whose first line break is not shown."""
        if self._area:
            self.fields[self._area] = (self.fields[self._area] + data).removeprefix("\n")
        elif self._offer:
            name, value = self._offer
            self.offers[name][data.strip()] = value

    def handle_endtag(self, tag: str) -> None:
        """Leave a field, a choice or the form."""
        if tag == "textarea":
            self._area = ""
        elif tag in ("label", "option"):
            self._offer = None
        elif tag == "form":
            self._inside = False


class Browser:
    """Keeps cookies and the last page; posts forms as browsers do."""

    def __init__(self, transport: httpx.AsyncBaseTransport, base_url: str, language: str) -> None:
        """`language` is the one that its owner reads best. The transport may be shared: cookies are each browser's own."""
        self._http = httpx.AsyncClient(
            transport=transport, base_url=base_url, headers={"Accept-Language": language}, timeout=30, trust_env=False
        )
        self.page: httpx.Response

    async def get(self, path: str, **more: Any) -> Self:
        """Open an address, and follow where it leads."""
        self.page = await self._http.get(path, follow_redirects=True, **more)
        return self

    async def post(
        self, *, to: str = "", files: Sequence[tuple[str, bytes]] = (), headers: dict[str, str] | None = None, **typed: str
    ) -> Self:
        """Send the form of the page, with what was typed; its files are new each time."""
        form = Form(self.page.text, to)
        values = form.fields | typed
        parts = [(name, (None, value.replace("\n", "\r\n"))) for name, value in values.items()]
        chosen = [("attachments", (name, content, "application/octet-stream")) for name, content in files]
        empty = [("attachments", ("", b"", "application/octet-stream"))]
        self.page = await self._http.post(form.action, files=[*parts, *(chosen or empty)], headers=headers, follow_redirects=True)
        return self

    @property
    def path(self) -> str:
        """Where the browser is."""
        return self.page.url.path

    @property
    def text(self) -> str:
        """What is to be read on the page."""
        return _read(re.sub(r"(?s)<(script|style|head).*?</\1>", " ", self.page.text))

    @property
    def codes(self) -> tuple[str, str]:
        """Code and secret of the page that shows them to keep."""
        code, secret = re.findall(r'class="code">([^<]+)<', self.page.text)
        return code, secret

    @property
    def faults(self) -> list[str]:
        """What is wrong with what was sent, as the top of the page lists it."""
        found = re.search(r'(?s)<div class="bad"[^>]*>.*?</div>', self.page.text)
        return [_read(row) for row in re.findall(r"(?s)<li>(.*?)</li>", found[0])] if found else []

    def form(self, to: str = "") -> dict[str, str]:
        """The fields of the form and what they hold. Raises ValueError where the page has no such form."""
        return Form(self.page.text, to).fields

    def offers(self, field: str) -> dict[str, str]:
        """What the form of the page offers to choose for a field: values by their words."""
        return Form(self.page.text).offers[field]


def _read(markup: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"(?s)<[^>]*>", " ", markup))).strip()
