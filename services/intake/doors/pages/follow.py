"""Following a feedback: by its code what anybody may see, and what its sender sees once the secret has opened it."""

from typing import Any, Final
from urllib.parse import quote

import segno
from litestar import Response
from litestar.response import Redirect, Stream
from markupsafe import Markup

from pakn.engine.problems import AnyRequest, Problem
from services.intake import shown
from services.intake.doors.downloads import download
from services.intake.doors.pages import forms, story
from services.intake.doors.pages.opened import Opened
from services.intake.doors.pages.parameters import AttachmentId, Code, GivenCode, GivenSecret
from services.intake.doors.pages.site import Site
from services.intake.doors.pages.words import Words
from services.intake.doors.uploads import Uploads
from services.intake.feedback import Feedback
from services.intake.file_store import FileStore
from services.intake.look_up import LookUp
from services.intake.rate_limits import RateLimits

_FORM: Final = "follow"


class Follow:
    """The pages of one feedback."""

    def __init__(
        self, site: Site, look_ups: LookUp, uploads: Uploads, opened: Opened, files: FileStore, rate_limits: RateLimits
    ) -> None:
        self._site = site
        self._look_ups = look_ups
        self._uploads = uploads
        self._opened = opened
        self._files = files
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
        if feedback is None or (secret and not opens):
            await self._rate_limits.note_guess(request.scope)
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

    async def show(self, request: AnyRequest, code: Code) -> Response[str]:
        """One feedback: to this browser what it has opened, to others what is public."""
        feedback = await self._look_ups.find(code)
        said = self._site.words(request)
        if feedback is None:
            await self._rate_limits.note_guess(request.scope)
            return self._ask(request, said, code[:100], said("follow.not_found"), 404)
        return self._case(request, said, feedback)

    async def sent(self, request: AnyRequest, code: Code) -> Response[str] | Redirect:
        """Code and secret to keep, for the browser that has sent or opened the feedback."""
        feedback = await self._look_ups.find(code)
        if feedback is None or not self._opened.is_open(request, feedback):
            return Redirect(f"{self._site.root}/follow?code={quote(code)}", status_code=303)
        said = self._site.words(request)
        address = f"{self._site.public_url}/follow/{feedback.code}"
        picture = segno.make_qr(address, error="m").svg_inline(scale=1, border=2, omitsize=True, svgclass=None, lineclass=None)
        return self._site.page(
            request,
            "sent",
            said,
            case=feedback,
            secret=self._look_ups.secret_of(feedback),
            public_url=self._site.public_url,
            # The library writes a drawing of its own, and nothing of the address into it.
            qr=Markup(picture),
        )

    async def close(self, request: AnyRequest, code: Code) -> Response[str] | Redirect:
        """Close a feedback in this browser."""
        feedback = await self.opened(request, code)
        async with self._uploads.receiving(request, "", keep=False, read=forms.read) as upload:
            self.check_form(request, feedback, upload.body.fields)
        return Redirect(f"{self._site.root}/follow", status_code=303, cookies=[self._opened.closing(feedback)])

    async def file(self, request: AnyRequest, code: Code, attachment_id: AttachmentId) -> Stream:
        """A file of the published reply, for anybody; one of the sender's, for who has opened the feedback."""
        feedback = await self._look_ups.find(code)
        if feedback is None:
            raise Problem(404, "unknown-attachment", "The feedback has no such file.")
        own = feedback.attachments if self._opened.is_open(request, feedback) else ()
        return await download(self._files, (*feedback.reply_attachments, *own), attachment_id)

    async def opened(self, request: AnyRequest, code: str) -> Feedback:
        """The feedback, which this browser has opened. Raises Problem otherwise."""
        feedback = await self._look_ups.find(code)
        if feedback is None or not self._opened.is_open(request, feedback):
            raise Problem(403, "not-opened", "Open the feedback with its secret first.")
        return feedback

    def check_form(self, request: AnyRequest, feedback: Feedback, sent: dict[str, str]) -> None:
        """Raises Problem for a form that this browser was not shown."""
        if not self._site.is_ours(request, sent.get("token", ""), f"case/{feedback.id}"):
            raise Problem(403, "not-our-form", "Open the page and send the form from there.")

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
            code=code,
            fault=fault,
            token=self._site.token(browser, _FORM),
            example=f"{self._site.pack.header.code_prefix}.20261102.0042",
        )

    def _case(self, request: AnyRequest, said: Words, feedback: Feedback, status: int = 200, **more: Any) -> Response[str]:
        is_open = self._opened.is_open(request, feedback)
        case = shown.private_view(feedback) if is_open else shown.public_view(feedback)
        browser, cookies = self._site.browser(request)
        names = {step.agency: self._site.agency_name(step.agency, said) for step in case.timeline if step.agency}
        category = self._site.category_name(case.category, said)
        state = case.state
        return self._site.page(
            request,
            "case",
            said,
            status=status,
            cookies=cookies,
            case=case,
            is_open=is_open,
            category=category,
            state=said.known(f"states.{state}", "states.other"),
            meaning=said.known(f"meaning.{state}", "meaning.other"),
            next=said(f"next.{state}") if f"next.{state}" in said else "",
            steps=story.steps(said, case, names),
            why=story.why(said, case.due) if case.due else [],
            own=f"{self._site.root}/follow/{feedback.code}",
            token=self._site.token(browser, f"case/{feedback.id}"),
            **more,
        )
