"""Published replies: a list to search and filter, a page each, and a feed. Nothing of them is anybody's personal data."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from litestar import Response
from litestar.response import Stream

from pakn import links
from pakn.engine.problems import AnyRequest
from pakn.legal_time import LegalTime
from services.intake import published
from services.intake.doors.downloads import download
from services.intake.doors.pages import choices
from services.intake.doors.pages.parameters import (
    AttachmentId,
    Code,
    GivenAgency,
    GivenCategory,
    GivenDay,
    GivenLastDay,
    GivenName,
    GivenPage,
    GivenWords,
)
from services.intake.doors.pages.site import Site, not_found
from services.intake.file_store import FileStore
from services.intake.publications import Publications, Wanted

_A_PAGE: Final = 20
_MOST_PAGES: Final = 250
_SHOWN: Final = 220  # Characters of a reply in the list.


class Asked(NamedTuple):
    """A search as the address has it."""

    q: str
    name: str
    category: str
    agency: str
    since: str
    until: str
    page: int

    def address(self, page: int = 1) -> str:
        """The same search in an address, from another page on."""
        given = {"q": self.q, "name": self.name, "category": self.category, "agency": self.agency}
        given |= {"from": self.since, "to": self.until}
        found = {name: value for name, value in given.items() if value} | ({"page": str(page)} if page > 1 else {})
        return f"?{urlencode(found)}" if found else ""


class Replies:
    """The pages of published replies."""

    def __init__(self, site: Site, publications: Publications, files: FileStore, time: LegalTime) -> None:
        self._site = site
        self._time = time
        self._publications = publications
        self._files = files
        self._zone = ZoneInfo(site.pack.header.timezone)

    async def list(
        self,
        request: AnyRequest,
        q: GivenWords = "",
        name: GivenName = "",
        category: GivenCategory = "",
        agency: GivenAgency = "",
        since: GivenDay = "",
        until: GivenLastDay = "",
        page: GivenPage = "1",
    ) -> Response[str]:
        """The latest replies that fit, a page of them."""
        said = self._site.words(request)
        asked = Asked(q[:200], name[:200], category[:100], agency[:100], since[:10], until[:10], _page(page))
        found = await self._publications.find(self._wanted(asked), (asked.page - 1) * _A_PAGE, _A_PAGE + 1, self._time.now())
        return self._site.page(
            request,
            "replies",
            said,
            asked=asked,
            rows=found[:_A_PAGE],
            has_more=len(found) > _A_PAGE and asked.page < _MOST_PAGES,
            choices=choices.choices(self._site, said),
            short=_short,
            shows_names=self._site.pack.header.sender_names is not None,
            category_name=lambda id: self._site.category_name(id, said),
        )

    async def one(self, request: AnyRequest, code: Code) -> Response[str]:
        """One published reply, at the address that it keeps."""
        row = await self._publications.by_code(links.read_code(code, self._site.pack.header.code_prefix))
        if row is None:
            raise not_found()
        said = self._site.words(request)
        return self._site.page(request, "reply", said, row=row, category=self._site.category_name(row.category, said))

    async def file(self, code: Code, attachment_id: AttachmentId) -> Stream:
        """A file of a published reply."""
        row = await self._publications.by_code(code)
        return await download(self._files, row.attachments if row else (), attachment_id)

    async def atom(
        self,
        request: AnyRequest,
        q: GivenWords = "",
        name: GivenName = "",
        category: GivenCategory = "",
        agency: GivenAgency = "",
    ) -> Response[str]:
        """The latest replies that fit, as a feed (RFC 4287)."""
        said = self._site.words(request)
        asked = Asked(q[:200], name[:200], category[:100], agency[:100], "", "", 1)
        rows = await self._publications.find(self._wanted(asked), 0, _A_PAGE, self._time.now())
        address = f"{self._site.public_url}/published"
        values: Mapping[str, Any] = {
            "asked": asked,
            "rows": rows,
            "address": address,
            "updated": rows[0].published_at if rows else datetime(1970, 1, 1, tzinfo=self._zone),
            "category_name": lambda id: self._site.category_name(id, said),
        }
        return self._site.document("replies.atom", said, "application/atom+xml", values)

    def _wanted(self, asked: Asked) -> Wanted:
        until = _day(asked.until)
        return Wanted(
            published.asked_words(asked.q),
            asked.category,
            asked.agency,
            self._start(_day(asked.since)),
            self._start(until + timedelta(days=1) if until else None),
            asked.name.strip(),
        )

    def _start(self, day: date | None) -> datetime | None:
        return datetime.combine(day, time(), self._zone) if day else None


def _page(text: str) -> int:
    return min(max(int(text), 1), _MOST_PAGES) if text.isascii() and text.isdecimal() and len(text) < 6 else 1


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if 2000 <= day.year < 3000 else None


def _short(text: str) -> str:
    """The beginning of a text, cut at a word."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN].rpartition(' ')[0]}…"
