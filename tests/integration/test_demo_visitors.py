"""The people of the demo who use the pages: what they send by forms is there once, and a repetition is none."""

from collections import Counter
from typing import Any

import httpx
import pytest

from pakn.demo import patience
from pakn.demo.patience import Patience
from pakn.demo.requests import Act, DemoRequest
from pakn.demo.visitors import Visitor
from tests.support.pages import FILLED
from tests.support.system import START, System

SENDER = {name: FILLED[name] for name in ("name", "address", "phone", "email")}
BODY = {
    "category": "khac",
    "title": "Cột đèn & dây điện",
    "content": "Dòng một.\nDòng hai.",
    "province": "gia-lai",
    "sender": SENDER,
}


class Seen:
    """What the demo's observer tells: the first fact of a code."""

    def __init__(self, system: System) -> None:
        self.first: dict[str, tuple[str, str]] = {}
        self._system = system

    async def wait_for(self, code: str, _what: str, _condition: Any) -> None:
        (fact,) = await self._system.observer.wait("FeedbackSubmitted", code=code)
        self.first[code] = (fact.subject, "FeedbackSubmitted")


class Letters:
    """The demo's mailbox: the secrets of letters that came, by code."""

    def __init__(self) -> None:
        self.secrets: dict[str, str] = {}


class LostAnswers(httpx.AsyncBaseTransport):
    """Hands requests over, and loses the answer of every other POST to an address: the service was killed in that moment."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self.posts: Counter[str] = Counter()
        self._transport = transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._transport.handle_async_request(request)
        if request.method == "POST":
            self.posts[request.url.path] += 1
            if self.posts[request.url.path] % 2:
                raise httpx.ReadError("killed")
        return response


@pytest.mark.parametrize("by_letter", [True, False])
async def test_a_visitor_sends_follows_answers_with_a_file_and_judges_though_answers_get_lost(
    people: System, monkeypatch: pytest.MonkeyPatch, by_letter: bool
) -> None:
    monkeypatch.setattr(patience, "TRY_AGAIN_SECONDS", 0.02)
    transport, letters, seen = LostAnswers(people.http._transport), Letters(), Seen(people)
    visitor = Visitor(Patience(transport), "http://localhost:8001", "vi", seen, letters)  # type: ignore[arg-type]
    title = f"{BODY['title']} {by_letter}"
    outcome = await visitor.send(DemoRequest("a", None, START, None, BODY | {"title": title}, (("ảnh.jpg", "jpg"),)))
    code, case = outcome["code"], outcome["feedback_id"]
    if by_letter:
        letters.secrets[code] = visitor.secret
        visitor.secret = "kept nowhere"
    assert (outcome["accepted"], outcome["channel"]) == (True, "web")
    documents = people.documents("intake")["feedbacks"]
    assert await documents.count_documents({"title": title}) == 1, "what was sent twice is there once"
    (fact,) = await people.observer.wait("FeedbackAssigned", topic="assignments.gia-lai", code=code)
    assert fact.subject == case
    await people.post.act("gia-lai", case, "request_more", question="Cột số mấy?")
    await visitor.act(Act(START, "supplement", {"content": "Cột số 118."}, (("bổ sung.jpg", "jpg"),)))
    await people.observer.wait("FeedbackSupplemented", code=code)
    await people.post.act("gia-lai", case, "reply", reply="Đã sửa & thay <ba> bóng.\nXin cảm ơn.")
    await people.post.act("gia-lai", case, "publish", actor="cb2")
    await visitor.read("Đã sửa & thay <ba> bóng.\nXin cảm ơn.")
    await visitor.act(Act(START, "rate", {"satisfied": False, "remark": "Còn một bóng."}))
    (rated,) = await people.observer.wait("FeedbackRated", code=code)
    assert rated.data["satisfied"] is False
    kept = await documents.find_one({"_id": case})
    assert [row["name"] for row in kept["attachments"]] == ["ảnh.jpg", "bổ sung.jpg"]
    assert [(row["content"], len(row["attachments"])) for row in kept["supplements"]] == [("Cột số 118.", 1)]
    assert transport.posts[f"/follow/{code}/answer"] == transport.posts[f"/follow/{code}/rating"] == 2


async def test_a_visitor_whose_form_has_faults_is_told_them_and_sends_nothing(people: System) -> None:
    visitor = Visitor(people.http._transport, "http://localhost:8001", "vi", Seen(people), Letters())  # type: ignore[arg-type]
    files = (("giấy.pdf", "txt-renamed-as-pdf"),)
    outcome = await visitor.send(DemoRequest("b", None, START, None, BODY | {"title": "Tệp sai", "sender": {}}, files))
    assert len(outcome["faults"]) >= 2
    assert any("giấy.pdf" in row for row in outcome["faults"])
    assert not await people.documents("intake")["feedbacks"].count_documents({"title": "Tệp sai"})
