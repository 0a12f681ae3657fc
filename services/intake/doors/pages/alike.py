"""What looks like the feedback that somebody writes, shown while the title is typed and again at review.

The first needs JavaScript. What was typed comes in the body of a request and not in its address, which proxies log.
"""

import math
from collections.abc import Mapping
from typing import Any

from litestar import Response

from pakn.engine.problems import AnyRequest, Problem
from schemas.portal_submission import Submission
from schemas.values import Place
from services.intake.doors.pages import forms
from services.intake.doors.pages.parameters import DraftId
from services.intake.doors.pages.site import Site
from services.intake.doors.pages.words import Words
from services.intake.doors.uploads import Uploads
from services.intake.similar import Asked, Similar


class Alike:
    """The part of a page that shows it."""

    def __init__(self, site: Site, similar: Similar, uploads: Uploads) -> None:
        self._site = site
        self._similar = similar
        self._uploads = uploads

    async def typed(self, request: AnyRequest, draft: DraftId) -> Response[str]:
        """The part of the page for what is typed so far, and nothing where nothing looks alike; for forms of ours alone."""
        async with self._uploads.receiving(request, "", keep=False, read=forms.read) as upload:
            sent = upload.body.fields
        if not self._site.is_ours(request, sent.get("token", ""), f"{draft}/{sent.get('issued', '')}"):
            raise Problem(403, "not-our-form", "Open the page and type there.")
        said = self._site.words(request)
        values = await self._values(said, _asked(sent, self._site.pack.header.title_max))
        return self._site.page(request, "similar", said, headers={"Cache-Control": "no-store"}, **values)

    async def at_review(self, said: Words, submission: Submission, category: str) -> dict[str, Any]:
        """The values of a page that shows what looks like a whole submission."""
        asked = Asked(submission.title, category, submission.province, submission.commune, submission.place)
        return await self._values(said, asked)

    async def _values(self, said: Words, asked: Asked) -> dict[str, Any]:
        return {
            "similar": await self._similar.find(asked),
            # Of an open case its category is the asker's own, and its commune the one that was typed here.
            "similar_category": self._site.category_name(asked.category, said),
            "similar_commune": asked.commune,
        }


def _asked(sent: Mapping[str, str], title_max: int) -> Asked:
    given = {name: sent.get(name, "").strip()[:500] or None for name in ("province", "commune")}
    latitude, longitude = (_degrees(sent.get(name, ""), most) for name, most in (("latitude", 90), ("longitude", 180)))
    place = Place(latitude=latitude, longitude=longitude)
    return Asked(sent.get("title", "")[:title_max], sent.get("category", ""), **given, place=place)


def _degrees(text: str, most: float) -> float | None:
    try:
        value = float(text[:30])
    except ValueError:
        return None
    return value if math.isfinite(value) and abs(value) <= most else None
