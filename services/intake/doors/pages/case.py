"""The pages of one feedback: its way in words, its code to keep, its files, and what its sender may do."""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar
from urllib.parse import quote

import segno
from litestar import Response
from litestar.response import Redirect, Stream
from markupsafe import Markup

import schemas
from pakn.engine.problems import AnyRequest, Problem
from pakn.legal_time import LegalTime
from schemas.values import AppealGround, Fault
from services.intake import appeals, attachments, shown
from services.intake.domain import File
from services.intake.doors.downloads import download
from services.intake.doors.pages import choices, faults, forms, questions, story
from services.intake.doors.pages.opened import Opened
from services.intake.doors.pages.parameters import AttachmentId, Code, Done, GivenToken
from services.intake.doors.pages.site import Site
from services.intake.doors.pages.words import Words
from services.intake.doors.uploads import Uploads
from services.intake.feedback import Feedback
from services.intake.file_store import FileStore
from services.intake.inspection import Inspection
from services.intake.look_up import LookUp
from services.intake.sender_acts import Objection, Rating, SenderActs, Supplement, Taken

_WrittenT = TypeVar("_WrittenT", bound=Supplement | Objection)
_DONE: Final = frozenset({"answered", "rated", "confirmed", "objected", "name_hidden"})


class CasePages:
    """Each of them shows what the browser has opened, or what is public. `new_id` gives a fresh id."""

    def __init__(
        self,
        site: Site,
        look_ups: LookUp,
        uploads: Uploads,
        opened: Opened,
        files: FileStore,
        acts: SenderActs,
        inspection: Inspection,
        secret_key: str,
        new_id: Callable[[], str],
        time: LegalTime,
    ) -> None:
        self._site = site
        self._look_ups = look_ups
        self._uploads = uploads
        self._opened = opened
        self._files = files
        self._acts = acts
        self._inspection = inspection
        self._secret_key = secret_key
        self._new_id = new_id
        self._time = time

    def show(
        self,
        request: AnyRequest,
        said: Words,
        feedback: Feedback,
        *,
        done: str = "",
        told: Sequence[faults.Shown] = (),
        typed: str = "",
    ) -> Response[str]:
        """The page of a feedback. `done` is what was just done, `told` what is wrong with what was `typed`."""
        is_open = self._opened.is_open(request, feedback)
        case = shown.private_view(feedback) if is_open else shown.public_view(feedback)
        browser, cookies = self._site.browser(request)
        names = {step.agency: self._site.agency_name(step.agency, said, formal=True) for step in case.timeline if step.agency}
        state = case.state
        is_judged = state == "published" and case.satisfied is not None
        return self._site.page(
            request,
            "case",
            said,
            status=422 if told else 200,
            cookies=cookies,
            back=f"/follow/{feedback.code}",
            case=case,
            is_open=is_open,
            category=self._site.category_name(case.category, said),
            state=said.known(f"states.{state}", "states.other"),
            meaning=said.known(f"meaning.{state}", "meaning.other"),
            next=said(f"next.{state}") if f"next.{state}" in said and not is_judged else "",
            steps=story.steps(said, case, names),
            first_files=story.first_files(case),
            why=story.why(said, case.due, self._site.article(case.due.article, said)) if case.due else [],
            own=f"{self._site.root}/follow/{feedback.code}",
            token=self._site.token(browser, f"case/{feedback.id}"),
            act=self._new_id(),
            is_asked=is_open and feedback.is_asked,
            can_be_rated=is_open and feedback.can_be_rated,
            objects_to=self._ground(feedback) if is_open else None,
            # Any link can say what was done. That an address is confirmed is told in whatever browser its reader has.
            done=done if done in _DONE and (is_open or done == "confirmed") else "",
            told=told,
            errors=dict.fromkeys(("content", "attachments", "satisfied", "remark")) | {row.field: row.text for row in told},
            typed=typed,
            answers=questions.told(said, case.answers or ()),
            limits=choices.limits(self._site.pack, said),
            shown_name=self._site.masked(feedback.sender.name) if case.publish_name else "",
        )

    async def sent(self, request: AnyRequest, code: Code, done: Done = "") -> Response[str] | Redirect:
        """Code and secret to keep, for the browser that has sent or opened the feedback."""
        feedback = await self._look_ups.find(code)
        if feedback is None or not self._opened.is_open(request, feedback):
            return Redirect(f"{self._site.root}/follow?code={quote(code)}", status_code=303)
        said = self._site.words(request)
        browser, cookies = self._site.browser(request)
        picture = segno.make_qr(f"{self._site.public_url}/follow/{feedback.code}", error="m").svg_inline(
            scale=1, border=2, omitsize=True, svgclass=None, lineclass=None
        )
        return self._site.page(
            request,
            "sent",
            said,
            cookies=cookies,
            case=feedback,
            own=f"{self._site.root}/follow/{feedback.code}",
            token=self._site.token(browser, f"case/{feedback.id}"),
            renewed=done == "renewed",
            secret=self._look_ups.secret_of(feedback),
            public_url=self._site.public_url,
            # The library writes a drawing of its own, and nothing of the address into it.
            qr=Markup(picture),
        )

    async def renew(self, request: AnyRequest, code: Code) -> Response[Any] | Redirect:
        """Give a new secret, which closes the feedback in all other browsers, and show it to keep."""
        feedback = await self._find_opened(request, code)
        await self._fields(request, feedback)
        renewed = await self._acts.renew(feedback, self._secret_key)
        if renewed is None:
            return await self._changed(request, self._site.words(request), feedback)
        cookie = self._opened.cookie(renewed)
        return Redirect(f"{self._site.root}/follow/{feedback.code}/sent?done=renewed", status_code=303, cookies=[cookie])

    async def file(self, request: AnyRequest, code: Code, attachment_id: AttachmentId) -> Stream:
        """A file of the published reply, for anybody; one of the sender's, for who has opened the feedback."""
        feedback = await self._look_ups.find(code)
        if feedback is None:
            raise Problem(404, "unknown-attachment", "The feedback has no such file.")
        own = feedback.attachments if self._opened.is_open(request, feedback) else ()
        return await download(self._files, (*feedback.reply_attachments, *own), attachment_id)

    async def close(self, request: AnyRequest, code: Code) -> Redirect:
        """Close a feedback in this browser."""
        feedback = await self._find_opened(request, code)
        await self._fields(request, feedback)
        return Redirect(f"{self._site.root}/follow", status_code=303, cookies=[self._opened.closing(feedback)])

    async def answer(self, request: AnyRequest, code: Code) -> Response[str] | Redirect:
        """Answer what the agency asks, with files."""
        feedback = await self._find_opened(request, code)
        return await self._write(
            request, feedback, Supplement, self._acts.supplement, "supplement", "answered", possible=feedback.is_asked
        )

    async def rate(self, request: AnyRequest, code: Code) -> Response[str] | Redirect:
        """Judge the published reply, once."""
        feedback = await self._find_opened(request, code)
        said = self._site.words(request)
        sent = await self._fields(request, feedback)
        words = {"remark": sent["remark"]} if sent.get("remark", "").strip() else {}
        chosen = {"yes": True, "no": False}.get(sent.get("satisfied", ""))
        act, found = forms.parsed(Rating, words | ({} if chosen is None else {"satisfied": chosen}))
        if act is None:
            return self.show(request, said, feedback, told=self._told(said, found), typed=sent.get("remark", ""))
        act_id = self._act_id(feedback, "rate", sent, act.model_dump_json())
        if await self._acts.rate(feedback, act_id, act) != "not_now":
            return self._done(feedback, "rated")
        return await self._changed(request, said, feedback)

    async def object(self, request: AnyRequest, code: Code) -> Response[str] | Redirect:
        """Object to the reply or to the delay, where the pack allows it."""
        feedback = await self._find_opened(request, code)
        ground = self._ground(feedback)

        async def take(feedback: Feedback, act_id: str, act: Objection, files: Sequence[File]) -> Taken:
            return await self._acts.object(feedback, act_id, ground, act, files)

        return await self._write(request, feedback, Objection, take, "object", "objected", possible=ground is not None)

    async def hide_name(self, request: AnyRequest, code: Code) -> Redirect:
        """Take back that the name is shown beside the published reply."""
        feedback = await self._find_opened(request, code)
        await self._fields(request, feedback)
        await self._acts.hide_name(feedback)
        return self._done(feedback, "name_hidden")

    async def ask_to_confirm(self, request: AnyRequest, code: Code, token: GivenToken = "") -> Response[str]:
        """Where the link of a letter leads. It changes nothing: programs that look for harm in letters follow every link."""
        feedback = await self._find_to_confirm(code, token)
        browser, cookies = self._site.browser(request)
        return self._site.page(
            request,
            "confirm",
            self._site.words(request),
            cookies=cookies,
            code=feedback.code,
            confirmation=token,
            token=self._site.token(browser, f"case/{feedback.id}"),
        )

    async def confirm(self, request: AnyRequest, code: Code) -> Redirect:
        """The button by which the reader of a letter says that the address is his."""
        async with self._uploads.receiving(request, "", keep=False, read=forms.read) as upload:
            sent = upload.body.fields
        feedback = await self._find_to_confirm(code, sent.get("confirmation", ""))
        self._check_form(request, feedback, sent)
        if await self._acts.confirm(feedback, self._secret_key) == "not_now":
            raise Problem(409, "cannot-be-confirmed", "The feedback changed at this moment; follow the link again.")
        return self._done(feedback, "confirmed")

    async def _write(
        self,
        request: AnyRequest,
        feedback: Feedback,
        model: type[_WrittenT],
        take: Callable[[Feedback, str, _WrittenT, Sequence[File]], Awaitable[Taken]],
        name: str,
        done: str,
        *,
        possible: bool,
    ) -> Response[str] | Redirect:
        """Read a form of words and files, and `take` the act of this `name` that it makes; what is then told as `done`.

        Where no such act is `possible`, the files are hashed and not kept.
        """
        said = self._site.words(request)
        async with self._uploads.receiving(request, feedback.id, keep=possible, read=forms.read) as upload:
            sent, files = upload.body.fields, upload.body.files
            self._check_form(request, feedback, sent)
            kept, wrong = await self._inspection.inspect(files, feedback.id, upload.party, upload.left)
            act, found = forms.parsed(model, {"content": sent.get("content", "")})
            if act is None or wrong:
                told = self._told(said, [*found, *wrong], [file.name for file in files])
                return self.show(request, said, feedback, told=told, typed=sent.get("content", ""))
            hashes = "".join(sorted(file.sha256 for file in files))
            act_id = self._act_id(feedback, name, sent, act.content + hashes)
            if await take(feedback, act_id, act, kept) != "not_now":
                upload.claim(attachments.describe(kept))
                return self._done(feedback, done)
        return await self._changed(request, said, feedback)

    def _ground(self, feedback: Feedback) -> AppealGround | None:
        return appeals.ground_at(self._site.pack.header, feedback, self._time.now())

    async def _find_to_confirm(self, code: str, confirmation: str) -> Feedback:
        feedback = await self._look_ups.find(code)
        if feedback is None or not self._look_ups.confirms(feedback, confirmation):
            raise Problem(404, "wrong-token", "Follow the whole link of the letter.")
        return feedback

    async def _find_opened(self, request: AnyRequest, code: str) -> Feedback:
        feedback = await self._look_ups.find(code)
        if feedback is None or not self._opened.is_open(request, feedback):
            raise Problem(403, "not-opened", "Open the feedback with its secret first.")
        return feedback

    async def _fields(self, request: AnyRequest, feedback: Feedback) -> dict[str, str]:
        async with self._uploads.receiving(request, feedback.id, keep=False, read=forms.read) as upload:
            self._check_form(request, feedback, upload.body.fields)
            return upload.body.fields

    def _check_form(self, request: AnyRequest, feedback: Feedback, sent: dict[str, str]) -> None:
        if not self._site.is_ours(request, sent.get("token", ""), f"case/{feedback.id}"):
            raise Problem(403, "not-our-form", "Open the page and send the form from there.")

    def _act_id(self, feedback: Feedback, act: str, sent: dict[str, str], content: str) -> str:
        """The id of an act: the same where the same form comes again with the same content, which has no second effect."""
        digest = hashlib.sha256(content.encode()).hexdigest()
        return schemas.derived_id(feedback.id, f"page/{act}/{sent.get('act', '')}/{digest}")

    def _told(self, said: Words, found: Sequence[Fault], names: Sequence[str] = ()) -> list[faults.Shown]:
        values = choices.limits(self._site.pack, said) | {"content_max": 20_000, "title_max": 0}
        return faults.show(said, found, values, names)

    def _done(self, feedback: Feedback, what: str) -> Redirect:
        return Redirect(f"{self._site.root}/follow/{feedback.code}?done={what}", status_code=303)

    async def _changed(self, request: AnyRequest, said: Words, feedback: Feedback) -> Response[str]:
        """The page as it is by now, since it changed while its reader wrote."""
        now = await self._look_ups.find(feedback.code)
        return self.show(request, said, now or feedback, told=[faults.Shown("changed", said("case.changed"))])
