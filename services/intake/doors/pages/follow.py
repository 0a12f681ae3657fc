"""Following a feedback: by its code what anybody may see, and what its sender sees once the secret has opened it."""

from typing import Any, Final

from litestar import Response
from litestar.response import Redirect

from pakn.engine.problems import AnyRequest
from services.intake.doors.pages import forms
from services.intake.doors.pages.case import CasePages
from services.intake.doors.pages.opened import Opened
from services.intake.doors.pages.parameters import Code, Done, GivenCode, GivenSecret
from services.intake.doors.pages.site import Site
from services.intake.doors.pages.words import Words
from services.intake.doors.uploads import Uploads
from services.intake.feedback import Feedback
from services.intake.look_up import LookUp
from services.intake.rate_limits import RateLimits

_FORM: Final = "follow"


class Follow:
    """The pages that lead to one feedback."""

    def __init__(
        self, site: Site, look_ups: LookUp, uploads: Uploads, opened: Opened, case: CasePages, rate_limits: RateLimits
    ) -> None:
        self._site = site
        self._look_ups = look_ups
        self._uploads = uploads
        self._opened = opened
        self._case = case
        self._rate_limits = rate_limits

    async def ask(self, request: AnyRequest, code: GivenCode = "") -> Response[str]:
        """The form for code and secret."""
        return self._ask(request, self._site.words(request), code[:100])

    async def enter(self, request: AnyRequest) -> Response[str] | Redirect:
        """Open a feedback by code and secret, or show what is public of it by its code. What is wrong of the two is not told."""
        said = self._site.words(request)
        async with self._uploads.receiving(request, "", keep=False, read=forms.read) as upload:
            sent = upload.body.fields
        code, secret = sent.get("code", "").strip(), sent.get("secret", "").strip()
        if not self._site.is_ours(request, sent.get("token", ""), _FORM):
            return self._ask(request, said, code, said("follow.not_ours"), 403)
        if not code:
            return self._ask(request, said, code, said("follow.no_code"), 422)
        feedback = await self._look_ups.find(code)
        opens = self._look_ups.opens(feedback, secret)
        if feedback is None or not opens:
            await self._rate_limits.note_guess(request.scope, wrong=feedback is None or bool(secret))
        if feedback is None or (secret and not opens):
            return self._ask(request, said, code, said("follow.not_found"), 404)
        return self._to(feedback, [self._opened.cookie(feedback)] if opens else [])

    async def open(self, request: AnyRequest, code: Code, secret: GivenSecret = "") -> Response[str] | Redirect:
        """The link of a letter: its secret goes into a cookie, and the address goes on without it."""
        feedback = await self._look_ups.find(code)
        if feedback is None or not self._look_ups.opens(feedback, secret):
            await self._rate_limits.note_guess(request.scope)
            said = self._site.words(request)
            return self._ask(request, said, code[:100], said("follow.not_found"), 404)
        return self._to(feedback, [self._opened.cookie(feedback)])

    async def show(self, request: AnyRequest, code: Code, done: Done = "") -> Response[str]:
        """One feedback: to this browser what it has opened, to others what is public."""
        feedback = await self._look_ups.find(code)
        said = self._site.words(request)
        if feedback is None or not self._opened.is_open(request, feedback):
            await self._rate_limits.note_guess(request.scope, wrong=feedback is None)
        if feedback is None:
            return self._ask(request, said, code[:100], said("follow.not_found"), 404)
        return self._case.show(request, said, feedback, done=done)

    def _to(self, feedback: Feedback, cookies: list[Any]) -> Redirect:
        return Redirect(f"{self._site.root}/follow/{feedback.code}", status_code=303, cookies=cookies)

    def _ask(self, request: AnyRequest, said: Words, code: str, fault: str = "", status: int = 200) -> Response[str]:
        browser, cookies = self._site.browser(request)
        return self._site.page(
            request,
            "follow",
            said,
            status=status,
            cookies=cookies,
            back="/follow",
            code=code,
            fault=fault,
            token=self._site.token(browser, _FORM),
            example=f"{self._site.pack.header.code_prefix}.20261102.0042",
        )
