"""The addresses of the pages. They are for people, and stand in no contract."""

from collections.abc import Callable
from typing import Any, Final

from litestar import get, post
from litestar.exceptions import HTTPException
from litestar.plugins.problem_details import ProblemDetailsException
from litestar.types import ControllerRouterHandler

from pakn.engine.problems import Problem
from pakn.engine.process import NO_DATABASE
from services.intake.doors import bodies
from services.intake.doors.pages.alike import Alike
from services.intake.doors.pages.case import CasePages
from services.intake.doors.pages.follow import Follow
from services.intake.doors.pages.home import Home
from services.intake.doors.pages.looks import LooksPage
from services.intake.doors.pages.replies import Replies
from services.intake.doors.pages.send import Send
from services.intake.doors.pages.site import Site

# Each of them has a handler of its own in the application, which goes before that of a more general one.
_ERRORS: Final = (Problem, ProblemDetailsException, HTTPException, Exception)
_CASE: Final = "/follow/{code:str}"


def pages(
    site: Site,
    home: Home,
    send: Send,
    alike: Alike,
    follow: Follow,
    case: CasePages,
    looks: LooksPage,
    replies: Replies,
    suspect: Callable[[Exception], None],
) -> list[ControllerRouterHandler]:
    """The routes of the pages; `suspect` is told of errors that may mean that a server is away."""
    files = site.pack.header.attachments
    # Not of a router, which would copy the handlers with all that they hold.
    shared: dict[str, Any] = {"include_in_schema": False, "exception_handlers": dict.fromkeys(_ERRORS, site.refusals(suspect))}
    with_files = shared | {"request_max_body_size": files.max_files * files.max_bytes + bodies.MAX_JSON_BYTES}
    alone = shared | {"opt": {NO_DATABASE: True}}
    return [
        get("/", operation_id="pageHome", **alone)(home.first),
        get("/language/{language:str}", operation_id="pageLanguage", **alone)(home.language),
        get("/static/{version:str}/{name:str}", operation_id="pageStatic", **alone)(home.static),
        get("/send", operation_id="pageSend", **alone)(send.empty),
        get("/send/{draft:str}", operation_id="pageSendAgain", **alone)(send.again),
        post("/send/{draft:str}", operation_id="pageSendStep", status_code=200, **with_files)(send.step),
        post("/send/{draft:str}/similar", operation_id="pageSimilar", status_code=200, **shared)(alike.typed),
        get("/follow", operation_id="pageFollow", **alone)(follow.ask),
        post("/follow", operation_id="pageFollowEnter", status_code=200, **shared)(follow.enter),
        get(_CASE, operation_id="pageCase", **shared)(follow.show),
        get(f"{_CASE}/open", operation_id="pageOpen", **shared)(follow.open),
        post(f"{_CASE}/secret", operation_id="pageRenew", status_code=200, **shared)(case.renew),
        get(f"{_CASE}/sent", operation_id="pageSent", **shared)(case.sent),
        get(f"{_CASE}/looks", operation_id="pageLooks", **shared)(looks.show),
        post(f"{_CASE}/close", operation_id="pageClose", status_code=200, **shared)(case.close),
        get(f"{_CASE}/confirm", operation_id="pageConfirm", **shared)(case.ask_to_confirm),
        post(f"{_CASE}/confirm", operation_id="pageConfirmed", status_code=200, **shared)(case.confirm),
        post(f"{_CASE}/answer", operation_id="pageAnswer", status_code=200, **with_files)(case.answer),
        post(f"{_CASE}/name", operation_id="pageHideName", status_code=200, **shared)(case.hide_name),
        post(f"{_CASE}/rating", operation_id="pageRate", status_code=200, **shared)(case.rate),
        get("/published", operation_id="pagePublished", **shared)(replies.list),
        get("/published.atom", operation_id="pageAtom", **shared)(replies.atom),
        get("/published/{code:str}", operation_id="pageReply", **shared)(replies.one),
        get("/published/{code:str}/files/{attachment_id:str}", operation_id="pageReplyFile", **shared)(replies.file),
        post(f"{_CASE}/objection", operation_id="pageObject", status_code=200, **with_files)(case.object),
        get(f"{_CASE}/files/{{attachment_id:str}}", operation_id="pageFile", **shared)(case.file),
    ]
