"""People of the demo who use the pages, as a browser without JavaScript shows them: send, follow, answer, judge."""

from collections.abc import Mapping
from typing import Any, Final

import httpx

from pakn.demo import patience
from pakn.demo.browser import Browser
from pakn.demo.files import bytes_of
from pakn.demo.mailbox import Mailbox
from pakn.demo.observer import Observer
from pakn.demo.requests import Act, DemoRequest

_SENDER: Final = ("name", "address", "phone", "email")
_TYPED: Final = ("title", "content", "commune", "unit")
_CHOSEN: Final = ("category", "submitter_type", "province", "addressed_to")
_DONE: Final = {"supplement": ("/answer", "answered"), "rate": ("/rating", "rated")}


class Visitor:
    """One person with one browser. `code` and `secret` are what the page after sending shows to keep."""

    def __init__(
        self, transport: httpx.AsyncBaseTransport, intake_url: str, language: str, observer: Observer, mailbox: Mailbox
    ) -> None:
        self._browser = Browser(transport, intake_url, language)
        self._observer = observer
        self._mailbox = mailbox
        self.code = self.secret = ""

    async def send(self, request: DemoRequest) -> dict[str, Any]:
        """Fill in the form, look at the whole, and send it: what became of it, or the faults that the page tells."""
        browser = await self._browser.get("/send")
        files = [(name, bytes_of(kind)) for name, kind in request.files]
        await browser.post(step="check", files=files, **self._typed(request.body))
        if not browser.faults:
            if browser.form().get("page") != "review":
                raise RuntimeError(f"the form of {request.source} led to no review: {browser.text[:500]}")
            await browser.post(step="send")
        if browser.faults:
            return {"faults": browser.faults}
        code, self.secret = browser.codes
        self.code = code
        await self._observer.wait_for(code, f"the first fact of {code}", lambda: code in self._observer.first)
        feedback_id, name = self._observer.first[code]
        accepted = name == "FeedbackSubmitted"
        return {"code": code, "feedback_id": feedback_id, "lookup_secret": self.secret, "accepted": accepted, "channel": "web"}

    def _typed(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """What is typed and chosen; what has a name on the page is chosen by that name."""
        chosen = {name: self._browser.offers(name).get(body[name], body[name]) for name in _CHOSEN if body.get(name)}
        typed = {name: body[name] for name in _TYPED if body.get(name)}
        return typed | chosen | {name: text for name, text in body.get("sender", {}).items() if name in _SENDER}

    async def act(self, step: Act) -> None:
        """Answer what is asked, or judge the reply, as soon as the page has the form for it."""
        to, done = _DONE[step.action]
        await self._open()

        async def is_asked() -> bool:
            return f'{to}"' in (await self._browser.get(f"/follow/{self.code}")).page.text

        await patience.until(is_asked, f"the form for {step.action} on the page of {self.code}")
        values: dict[str, Any] = {name: value for name, value in step.values.items() if isinstance(value, str)}
        if "satisfied" in step.values:
            values["satisfied"] = "yes" if step.values["satisfied"] else "no"
        await self._browser.post(to=to, files=[(name, bytes_of(kind)) for name, kind in step.files], **values)
        if self._browser.page.url.params.get("done") != done:
            raise RuntimeError(f"{step.action} of {self.code} was refused: {self._browser.faults or self._browser.text[:500]}")

    async def read(self, reply: str) -> None:
        """Follow the feedback until the page shows the published reply."""
        first_line = " ".join(reply.partition("\n")[0].split())
        await self._open()

        async def is_there() -> bool:
            return first_line in (await self._browser.get(f"/follow/{self.code}")).text

        await patience.until(is_there, f"the reply on the page of {self.code}")

    async def _open(self) -> None:
        """By the link of the letter where one has come, and otherwise by the code and the secret that were kept."""
        if secret := self._mailbox.secrets.get(self.code):
            await self._browser.get(f"/follow/{self.code}/open", params={"secret": secret})
        else:
            await self._browser.get("/follow")
            await self._browser.post(code=self.code, secret=self.secret)
        if self._browser.path != f"/follow/{self.code}":
            raise RuntimeError(f"{self.code} was not opened: {self._browser.text[:500]}")
