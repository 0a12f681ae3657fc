"""What a person types into the pages, and the browser without JavaScript with which tests visit them."""

from typing import Self

import httpx

from pakn.demo.browser import Browser as DemoBrowser
from pakn.demo.browser import Form
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


class Browser(DemoBrowser):
    """Somebody's browser, which has visited no page yet."""

    def __init__(self, http: httpx.AsyncClient, language: str = "vi") -> None:
        # Of the client its transport alone, so that two browsers share no cookie.
        super().__init__(http._transport, "http://localhost:8001", language)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        # The transport is another's.
        self._http.cookies.clear()

    @property
    def form_address(self) -> str:
        """Where the form of the page goes."""
        return Form(self.page.text).action


async def sent(browser: Browser, **more: str) -> tuple[str, str]:
    """Send a feedback by the pages; its code and secret."""
    await browser.get("/send")
    await browser.post(step="check", **(FILLED | more))
    await browser.post(step="send")
    return browser.codes


async def published(system: System, browser: Browser, title: str, reply: str, **more: str) -> str:
    """A feedback whose reply is published; its code."""
    code, _ = await sent(browser, title=title, **more)
    (fact,) = await system.observer.wait("FeedbackAssigned", topic="assignments.gia-lai", code=code)
    await system.post.act("gia-lai", fact.subject, "reply", reply=reply)
    await system.post.act("gia-lai", fact.subject, "publish", actor="cb2")

    async def is_listed() -> bool:
        return (await browser.get(f"/published/{code}")).page.status_code == 200

    await until(is_listed, "the reply has its page")
    return code
