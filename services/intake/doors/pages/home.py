"""The first page, the change of language, and the files that pages are made with."""

import re
from typing import Final
from zoneinfo import ZoneInfo

from litestar import Response
from litestar.response import Redirect

from pakn.engine.problems import AnyRequest
from pakn.legal_time import LegalTime
from services.intake.doors.pages import choices
from services.intake.doors.pages.parameters import Back, FileName, Language, Version
from services.intake.doors.pages.site import Site, not_found
from services.intake.doors.pages.words import Words

_OWN_PATH: Final = re.compile(r"/(?![/\\])[^\x00-\x20\\]*")


class Home:
    """What needs no database."""

    def __init__(self, site: Site, time: LegalTime) -> None:
        self._site = site
        self._time = time
        self._zone = ZoneInfo(site.pack.header.timezone)

    async def first(self, request: AnyRequest) -> Response[str]:
        """What is taken here and what is not, and how it goes on."""
        said = self._site.words(request)
        classes = choices.classes(self._site, said)
        return self._site.page(
            request,
            "home",
            said,
            taken=[row for row in classes if row.accepted],
            not_taken=[row for row in classes if not row.accepted],
            limit=self._limit(said),
        )

    def _limit(self, said: Words) -> str:
        """How long a reply may take, by the rule set of the pack that is in force today."""
        today = self._time.now().astimezone(self._zone).date()
        begun = [row for row in self._site.pack.rule_sets if row.effective.from_ <= today]
        latest = max(begun, key=lambda row: row.effective.from_, default=None)
        rule = latest.rules.get("handle_reply") if latest else None
        if latest is None or rule is None or rule.limit_is_per_category or rule.limit.by_category:
            return said("home.step_reply_unknown")
        limit = said.known(f"units.{rule.limit.unit}", "units.other", count=rule.limit.n)
        text = said("home.step_reply_text", limit=limit, article=rule.article[self._site.pack_language(said)])
        return text if latest.verified else f"{text} {said('case.not_verified')}"

    async def language(self, language: Language, back: Back = "/") -> Redirect:
        """Keep the language that was chosen, and go back."""
        if language not in self._site.languages:
            raise not_found()
        to = back if _OWN_PATH.fullmatch(back) and len(back) < 2000 else "/"
        return Redirect(f"{self._site.root}{to}", status_code=303, cookies=[self._site.language_cookie(language)])

    async def static(self, version: Version, name: FileName) -> Response[bytes]:
        """A stylesheet, a script or a drawing; its address changes with it, so that browsers keep it."""
        file = self._site.files.get(name)
        if file is None or file.path != f"/static/{version}/{name}":
            raise not_found()
        headers = {"Cache-Control": "public, max-age=31536000, immutable", "Content-Type": file.media_type}
        return Response(file.content, headers=headers | {"X-Content-Type-Options": "nosniff"})
