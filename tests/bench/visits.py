"""What a visitor of the pages does, a request at a time: each page is prepared first, and only its own request is measured."""

import http.client
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode

from services.intake.feedback import Feedback
from tests.bench import cases
from tests.bench.engine import bodies
from tests.support.pages import Form

_SECONDS: Final = 60.0
_SAMPLE: Final = bodies(cases.SAMPLES)


class Answer(NamedTuple):
    """What came back, and the seconds from the request to the last byte of it."""

    status: int
    body: bytes
    location: str
    seconds: float


class Visitor:
    """One connection, and the cookies of one browser."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=_SECONDS)
        self._cookies: dict[str, str] = {}

    def ask(self, path: str, form: dict[str, str] | None = None) -> Answer:
        """A request as a browser makes it; a form is sent with its fields alone."""
        headers = {"Accept-Language": "vi", "Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items())}
        body = None
        if form is not None:
            body = urlencode(form).encode()
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        began = time.perf_counter()
        self._connection.request("GET" if form is None else "POST", path, body, headers)
        answer = self._connection.getresponse()
        content = answer.read()
        took = time.perf_counter() - began
        for line in answer.headers.get_all("Set-Cookie") or []:
            name, _, value = line.partition(";")[0].partition("=")
            self._cookies[name] = value
        return Answer(answer.status, content, answer.headers.get("Location", ""), took)

    def form(self, number: int) -> tuple[str, dict[str, str]]:
        """A form filled in with what looks like the case of this number: where it goes, and its fields."""
        shown = Form(self.ask("/send").body.decode())
        wrote = cases.submission(number, _SAMPLE)
        typed = {name: str(wrote.get(name, "")) for name in ("category", "title", "content", "province", "commune")}
        typed |= {name: str(value) for name, value in wrote["place"].items()}
        sender = {"name": "Nguyễn Văn Mẫu", "address": "Số 1, đường Mẫu 5", "phone": "0900000000", "email": "nguoigui@example.org"}
        return shown.action, shown.fields | typed | sender


class Page(NamedTuple):
    """A page: its name, the status that it has, and its request, which may ask for other pages first."""

    name: str
    status: int
    ask: Callable[[Visitor, Feedback, int], Answer]


def _to(path: str) -> Callable[[Visitor, Feedback, int], Answer]:
    def ask(visitor: Visitor, row: Feedback, _: int) -> Answer:
        values: dict[str, Any] = {"code": row.code, "agency": row.agency, "category": row.category}
        return visitor.ask(path.format(**{name: quote(str(value)) for name, value in values.items()}))

    return ask


def _step(more: dict[str, str], suffix: str = "") -> Callable[[Visitor, Feedback, int], Answer]:
    def ask(visitor: Visitor, _: Feedback, number: int) -> Answer:
        address, fields = visitor.form(number)
        return visitor.ask(f"{address}{suffix}", fields | more)

    return ask


def _sent(visitor: Visitor, _: Feedback, number: int) -> Answer:
    address, fields = visitor.form(number)
    return visitor.ask(visitor.ask(address, fields | {"step": "send"}).location)


def _entered(visitor: Visitor, row: Feedback, _: int) -> Answer:
    fields = Form(visitor.ask("/follow").body.decode()).fields
    return visitor.ask("/follow", fields | {"code": row.code})


PAGES: Final[Sequence[Page]] = (
    Page("first page", 200, _to("/")),
    Page("form", 200, _to("/send")),
    Page("what looks alike, while typing", 200, _step({}, "/similar")),
    Page("form with faults", 422, _step({"step": "check", "title": "", "email": "x"})),
    Page("review, with what looks alike", 200, _step({"step": "check"})),
    Page("send", 303, _step({"step": "send"})),
    Page("code to keep", 200, _sent),
    Page("look-up", 200, _to("/follow")),
    Page("look-up by code", 303, _entered),
    Page("one feedback", 200, _to("/follow/{code}")),
    Page("published replies, the latest", 200, _to("/published")),
    Page("published replies, the oldest page", 200, _to("/published?page=250")),
    Page("published replies, one frequent word", 200, _to("/published?q=sua")),
    Page("published replies, three words", 200, _to("/published?q=nga+ba+doi")),
    Page("published replies, words nobody wrote", 200, _to("/published?q=kiem+tra+khongco")),
    Page("published replies of an agency", 200, _to("/published?agency={agency}")),
    Page(
        "published replies, all filters",
        200,
        _to("/published?q=chua&agency={agency}&category={category}&from=2026-02-01&to=2026-06-30"),
    ),
    Page("one published reply", 200, _to("/published/{code}")),
    Page("Atom feed", 200, _to("/published.atom")),
)
