"""Sending: a form, all its faults at once with nothing lost, a look at the whole, and then it is sent.

What was typed travels in the form itself, so that an hour's pause loses nothing. Files wait on the server; where they were swept
meanwhile, the page names them and asks for them again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from litestar import Response
from litestar.response import Redirect

import schemas
from pakn.engine.problems import AnyRequest
from pakn.legal_time import LegalTime
from schemas.portal_submission import Submission
from schemas.values import Fault
from services.intake import answers, domain
from services.intake.domain import Arrival, Draft, File
from services.intake.doors.pages import choices, drafts, faults, forms, questions
from services.intake.doors.pages.alike import Alike
from services.intake.doors.pages.drafts import Drafts
from services.intake.doors.pages.faults import Shown
from services.intake.doors.pages.opened import Opened
from services.intake.doors.pages.parameters import DraftId, GivenCategory
from services.intake.doors.pages.site import Site, not_found
from services.intake.doors.pages.words import Words
from services.intake.doors.uploads import Uploads
from services.intake.feedback import Feedback
from services.intake.look_up import LookUp
from services.intake.reception import Failed, Reception, Refused, Waits
from services.intake.registration import Registration

FIELDS: Final = (
    "category", "submitter_type", "name", "address", "phone", "email", "addressed_to", "unit", "province", "commune", "place",
    "latitude", "longitude", "title", "content", "publish_name",
)  # fmt: skip
_SENDER: Final = ("name", "address", "phone", "email")
_OPTIONAL: Final = ("category", "title", "content", "addressed_to", "unit", "province", "commune")


@dataclass(slots=True)
class Form:
    """What came in of one step: what was typed, and the files that are kept so far."""

    id: str
    issued: str
    typed: dict[str, str]
    files: list[File] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    faults: list[Shown] = field(default_factory=list)


class Send:
    """The pages that send. `new_id` gives a fresh id; `least_seconds` is what no person needs less than for the form."""

    def __init__(
        self,
        site: Site,
        reception: Reception,
        uploads: Uploads,
        drafts: Drafts,
        alike: Alike,
        look_ups: LookUp,
        opened: Opened,
        legal_time: LegalTime,
        new_id: Callable[[], str],
        least_seconds: float,
    ) -> None:
        self._site = site
        self._fields = (*FIELDS, *questions.fields(site.pack))
        self._reception = reception
        self._uploads = uploads
        self._drafts = drafts
        self._alike = alike
        self._look_ups = look_ups
        self._opened = opened
        self._time = legal_time
        self._new_id = new_id
        self._least_seconds = least_seconds

    def _now(self) -> str:
        return f"{self._time.machine().timestamp():.0f}"

    async def empty(self, request: AnyRequest, category: GivenCategory = "") -> Response[str]:
        """An empty form; a `category` may be chosen already."""
        said = self._site.words(request)
        typed = dict.fromkeys(self._fields, "") | {"category": category}
        return self._form(request, said, Form(self._new_id(), self._now(), typed))

    async def again(self, draft: DraftId) -> Redirect:
        """Where somebody opens the address of a step: a new form."""
        del draft
        return Redirect(f"{self._site.root}/send", status_code=303)

    async def step(self, request: AnyRequest, draft: DraftId) -> Response[str] | Redirect:
        """One step: look at it, change it, or send it."""
        if not _is_id(draft):
            raise not_found()
        cause = schemas.derived_id("page", draft)
        feedback_id = domain.feedback_id(cause)
        async with self._uploads.receiving(request, feedback_id, read=forms.read) as upload:
            sent = upload.body.fields
            said = self._site.words(request, sent.get("language"))
            form = Form(draft, sent.get("issued", ""), {name: _typed(sent.get(name, "")) for name in self._fields})
            upload.keep(upload.body.files)
            kept = {file.id: file for file in await self._drafts.kept(feedback_id)}
            form.files = [*kept.values(), *(file for file in upload.body.files if file.id not in kept)]
            form.files = await self._drafts.drop(form.files, {sent.get("remove", ""), *drafts.repeated(form.files)})
            self._miss(said, form, sent)
            step = sent.get("step", "check")
            is_language = bool(sent.get("language"))
            if step == "edit" or sent.get("remove") or (is_language and sent.get("page") != "review"):
                return self._form(request, said, form)
            if why := self._doubt(request, said, form, sent):
                form.notes.append(why)
                return self._form(request, said, form)
            arrival = self._arrival(said, form, cause, upload.party)
            answer: object
            if step == "send":
                (answer,) = await self._reception.receive([arrival], upload.left)
            else:
                answer = await self._reception.prepare(arrival, upload.left)
            match answer:
                case Waits(away) | Failed(away):
                    raise away
                case Refused(_, code) if code is not None:
                    before = await self._look_ups.find(code)
                    if before is not None and _says_the_same(before, arrival):
                        # Pressed twice: of a photo that was sent then, its picture alone is left to compare.
                        return self._to_keep(before)
                    form.notes.append(said("send.sent_already", code=code))
                    form.id = self._new_id()
                    return self._form(request, said, form)
                case Refused(found):
                    await self._tell(said, form, found)
                    return self._form(request, said, form)
                case Registration():
                    feedback = answer.feedback
                    # Of an image its picture is kept, and not what was sent.
                    claimed = {row.id for row in feedback.attachments}
                    await self._drafts.forget(file.id for file in form.files if file.id not in claimed)
                    return self._to_keep(feedback)
                case Draft():
                    return await self._review(request, said, form, answer)
        raise AssertionError("no answer of the reception is left")

    def _to_keep(self, feedback: Feedback) -> Redirect:
        """To the page with code and secret, which this browser may see."""
        address = f"{self._site.root}/follow/{feedback.code}/sent"
        return Redirect(address, status_code=303, cookies=[self._opened.cookie(feedback)])

    def _doubt(self, request: AnyRequest, said: Words, form: Form, sent: Mapping[str, str]) -> str | None:
        """Why this may come from a program or from another site, in words by which a person goes on."""
        if not self._site.is_ours(request, sent.get("token", ""), f"{form.id}/{form.issued}"):
            form.issued = self._now()
            return said("send.not_ours")
        if sent.get("website"):
            return said("send.trap")
        if float(self._now()) - float(form.issued) < self._least_seconds:
            return said("send.too_fast")
        return None

    def _miss(self, said: Words, form: Form, sent: Mapping[str, str]) -> None:
        """Name the files that were here at the step before and are kept no more."""
        had = dict(part.split("|", 1) for part in sent.get("had", "").split("\n") if "|" in part)
        here = {file.id for file in form.files} | {sent.get("remove", "")}
        if lost := [name.strip() for id, name in had.items() if id not in here]:
            form.notes.append(said("send.files_gone", names=", ".join(lost)[:500]))

    async def _tell(self, said: Words, form: Form, found: Sequence[Fault]) -> None:
        """Show the faults; files that cannot be taken are removed, since a browser cannot show them again."""
        header = self._site.pack.header
        names = [file.name for file in form.files]
        values = choices.limits(self._site.pack, said) | {"title_max": header.title_max, "content_max": header.content_max}
        answered = [row["question"] for row in questions.answers(self._site.pack, form.typed)]
        form.faults = faults.show(said, found, values, names, answered, form.typed["category"])
        wrong = {form.files[int(index)].id for fault in found if (index := fault.field.partition("attachments.")[2]).isdecimal()}
        form.files = await self._drafts.drop(form.files, wrong)
        over = {file.id for file in form.files[header.attachments.max_files :]}
        form.files = await self._drafts.drop(form.files, over)

    def _answers(self, form: Form) -> dict[str, Any]:
        found = questions.answers(self._site.pack, form.typed)
        return {"answers": found} if found else {}

    def _arrival(self, said: Words, form: Form, cause: str, network: str) -> Arrival:
        return Arrival(
            _submission(form.typed, self._site.pack_language(said)) | self._answers(form),
            channel="web",
            cause=cause,
            submission_id=form.id,
            id_field="draft",
            received_at=self._time.now(),
            files=form.files,
            network=network,
        )

    def _form(self, request: AnyRequest, said: Words, form: Form) -> Response[str]:
        return self._show(request, said, form, "send", 422 if form.faults else 200, {})

    async def _review(self, request: AnyRequest, said: Words, form: Form, draft: Draft) -> Response[str]:
        """The whole before it is sent, with what looks like the same."""
        recorded = answers.recorded(draft.category, draft.submission.answers, draft.language)
        more = {
            "category": draft.category,
            "pack_language": self._site.pack_language(said),
            "answers": questions.told(said, recorded),
            "shown_name": self._site.masked(draft.submission.sender.name) if draft.submission.publish_name else "",
        } | await self._alike.at_review(said, draft.submission, draft.category.id)
        return self._show(request, said, form, "review", 200, more)

    def _show(
        self, request: AnyRequest, said: Words, form: Form, template: str, status: int, more: dict[str, Any]
    ) -> Response[str]:
        browser, cookies = self._site.browser(request)
        if said.language != self._site.words(request).language:
            cookies = [*cookies, self._site.language_cookie(said.language)]
        header = self._site.pack.header
        return self._site.page(
            request,
            template,
            said,
            status=status,
            cookies=cookies,
            form=form,
            action=f"{self._site.root}/send/{form.id}",
            token=self._site.token(browser, f"{form.id}/{form.issued}"),
            had="\n".join(f"{file.id}|{file.name}" for file in form.files),
            errors=dict.fromkeys((*self._fields, "attachments")) | {fault.field: fault.text for fault in form.faults},
            required={*header.sender.required, "category", "title", "content"},
            header=header,
            limits=choices.limits(self._site.pack, said),
            questions=questions.asked(self._site.pack, self._site.pack_language(said)),
            choices=choices.choices(self._site, said),
            example=self._site.example_name(),
            **more,
        )


def _says_the_same(feedback: Feedback, arrival: Arrival) -> bool:
    submission = Submission.model_validate(arrival.submission)
    return (submission.title, submission.content) == (feedback.title, feedback.content)


def _is_id(text: str) -> bool:
    return len(text) == 36 and all(letter in "0123456789abcdef-" for letter in text)


def _typed(text: str) -> str:
    return text.replace("\r\n", "\n")


def _submission(typed: Mapping[str, str], language: str) -> dict[str, Any]:
    """The document of a submission; what was left empty is left out, so that it counts as missing."""
    raw: dict[str, Any] = {name: typed[name] for name in _OPTIONAL if typed[name].strip()}
    raw |= {"language": language, "submitter_type": typed["submitter_type"] or "person"}
    if typed["publish_name"]:
        raw["publish_name"] = True
    raw["sender"] = {name: typed[name] for name in _SENDER if typed[name].strip()}
    place: dict[str, Any] = {"description": typed["place"]} if typed["place"].strip() else {}
    place |= {name: typed[name] for name in ("latitude", "longitude") if typed[name].strip()}
    if place:
        raw["place"] = place
    return raw
