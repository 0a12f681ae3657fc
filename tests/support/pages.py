"""A browser without JavaScript, as far as the tests of pages need one: links, forms, cookies; what a person would see."""

import re
from collections.abc import Sequence
from html.parser import HTMLParser
from typing import Any, Self

import httpx

from tests.support.outside_world import until
from tests.support.system import System

PDF = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"
# A picture of one dot, as intake writes pictures anew.
PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00:~\x9bU"
    b"\x00\x00\x00\nIDATx\x01ch\x00\x00\x00\x82\x00\x81L\x17\xd7\xdf\x00\x00\x00\x00IEND\xaeB`\x82"
)
FILLED = {
    "category": "khac",
    "title": "Đèn chiếu sáng trước cổng trường hỏng",
    "content": "Ba bóng đèn đã hỏng.\nĐề nghị sửa chữa.",
    "province": "gia-lai",
    "commune": "Phường Mẫu",
    "place": "Đường Mẫu 5",
    "name": "Nguyễn Văn Mẫu",
    "address": "Số 1, đường Mẫu 5",
    "phone": "0900000000",
    "email": "nguoigui@example.org",
}


class Form(HTMLParser):
    """The form of a page: where it goes, and what its fields hold as they are shown."""

    def __init__(self, html: str, wanted: str = "") -> None:
        """`wanted`: the end of the form's address, where a page has several."""
        super().__init__()
        self.action, self.fields = "", dict[str, str]()
        self._wanted, self._inside, self._area, self._select = wanted, False, "", ""
        self.feed(html)
        assert self.action, "the page has no such form"

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
        elif tag == "textarea":
            self._area = said["name"]
            self.fields[self._area] = ""
        elif tag == "select":
            self._select = said["name"]
            self.fields[self._select] = ""
        elif tag == "option" and "selected" in said:
            self.fields[self._select] = said["value"]

    def handle_data(self, data: str) -> None:
        """Take the text of a field of several lines, whose first line break is not shown."""
        if self._area:
            self.fields[self._area] = (self.fields[self._area] + data).removeprefix("\n")

    def handle_endtag(self, tag: str) -> None:
        """Leave a field or the form."""
        if tag == "textarea":
            self._area = ""
        elif tag == "form":
            self._inside = False


class Browser:
    """Keeps cookies and the last page; posts forms as browsers do."""

    def __init__(self, http: httpx.AsyncClient, language: str = "vi") -> None:
        # Of the client its transport alone, so that two browsers share no cookie.
        self._http = httpx.AsyncClient(
            transport=http._transport, base_url="http://localhost:8001", headers={"Accept-Language": language}
        )
        self.page: httpx.Response

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        # The transport is another's.
        self._http.cookies.clear()

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
        body = re.sub(r"(?s)<(script|style|head).*?</\1>", " ", self.page.text)
        return re.sub(r"\s+", " ", re.sub(r"(?s)<[^>]*>", " ", body))

    @property
    def codes(self) -> tuple[str, str]:
        """Code and secret of the page that shows them to keep."""
        code, secret = re.findall(r'class="code">([^<]+)<', self.page.text)
        return code, secret

    @property
    def form_address(self) -> str:
        """Where the form of the page goes."""
        return Form(self.page.text).action

    def form(self, to: str = "") -> dict[str, str]:
        """The fields of the form and what they hold."""
        return Form(self.page.text, to).fields


async def sent(browser: Browser, **more: str) -> tuple[str, str]:
    """Send a feedback by the pages; its code and secret."""
    await browser.get("/send")
    await browser.post(step="check", **(FILLED | more))
    await browser.post(step="send")
    return browser.codes


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
