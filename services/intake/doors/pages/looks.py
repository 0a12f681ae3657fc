"""The page that tells a sender who has looked at what he gave of himself."""

from urllib.parse import quote

from litestar import Response
from litestar.response import Redirect

from pakn.engine.problems import AnyRequest
from services.intake import looks
from services.intake.doors.pages import story
from services.intake.doors.pages.opened import Opened
from services.intake.doors.pages.parameters import Code
from services.intake.doors.pages.site import Site
from services.intake.look_up import LookUp
from services.intake.looks import Looks


class LooksPage:
    """The page, for a browser that has opened the feedback."""

    def __init__(self, site: Site, look_ups: LookUp, opened: Opened, recorded: Looks) -> None:
        self._site = site
        self._look_ups = look_ups
        self._opened = opened
        self._recorded = recorded

    async def show(self, request: AnyRequest, code: Code) -> Response[str] | Redirect:
        """Who has looked, at what and when; others are asked for the secret."""
        feedback = await self._look_ups.find(code)
        if feedback is None or not self._opened.is_open(request, feedback):
            return Redirect(f"{self._site.root}/follow?code={quote(code)}", status_code=303)
        said = self._site.words(request)
        found = looks.shown(
            feedback.code, *await self._recorded.of(feedback.id), officers=self._site.pack.header.looks_name_officers
        )
        names = {row.agency: self._site.agency_name(row.agency, said, formal=True) for row in found.looks if row.agency}
        return self._site.page(
            request,
            "looks",
            said,
            code=feedback.code,
            own=f"{self._site.root}/follow/{feedback.code}",
            steps=story.looks(said, found.looks, names),
            total=found.total,
        )
