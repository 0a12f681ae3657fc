"""What all pages share: templates, languages, headers that bind the browser, marks of a browser, and pages that say no."""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Response
from litestar.datastructures import Cookie

from pakn.engine import problems
from pakn.engine.problems import AnyRequest, Problem
from pakn.packs.load import Pack
from services.intake import known_values, names
from services.intake.doors import languages
from services.intake.doors.open311.formats import NOT_IN_XML
from services.intake.doors.pages import words
from services.intake.doors.pages.words import Words

HERE: Final = Path(__file__).parent
LANGUAGE_COOKIE: Final = "pakn_language"
BROWSER_COOKIE: Final = "pakn_browser"
_YEAR_SECONDS: Final = 365 * 24 * 3600
# Everything comes from here, nothing runs inside a page, and no other site shows a page in a frame.
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_KEPT_HEADERS: Final = {"retry-after", "connection"}
_TYPES: Final = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(self)",
}


class Site:
    """Makes pages. `public_url` is where people reach them."""

    def __init__(self, pack: Pack, public_url: str, secret_key: str) -> None:
        self.pack = pack
        self.public_url = public_url.rstrip("/")
        self.root = urlsplit(self.public_url).path
        self._is_secure = self.public_url.startswith("https://")
        self._key = secret_key.encode()
        zone = ZoneInfo(pack.header.timezone)
        own = [language for language in pack.header.languages if words.load(language)]
        self.languages: Sequence[str] = own or [words.FALLBACK]
        self._words = {language: Words(language, zone) for language in self.languages}
        self._templates = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.files = {path.name: StaticFile(path) for path in sorted((HERE / "static").iterdir())}

    def words(self, request: AnyRequest, chosen: str | None = None) -> Words:
        """The words of the language that was chosen: now, before (a cookie), or in the browser's settings."""
        for language in (chosen, request.cookies.get(LANGUAGE_COOKIE)):
            if language in self._words:
                return self._words[language]
        return self._words[languages.asked_for(request.headers.get("Accept-Language", ""), self._words, self._default())]

    def _default(self) -> str:
        default = self.pack.header.default_language
        return default if default in self._words else self.languages[0]

    def pack_language(self, said: Words) -> str:
        """The language of the pack in which its own names are shown on such a page."""
        return said.language if said.language in self.pack.header.languages else self.pack.header.default_language

    def page(
        self,
        request: AnyRequest,
        template: str,
        said: Words,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        cookies: Sequence[Cookie] = (),
        back: str | None = None,
        **values: Any,
    ) -> Response[str]:
        """A page made of a template and its values. `back` is where a change of language leads, if not to the same address."""
        path = request.url.path.removeprefix(self.root) or "/"
        query = f"?{request.url.query}" if request.url.query else ""
        shared = {
            "t": said,
            "language": said.language,
            "languages": self.languages,
            "root": self.root,
            "style": self.files["style.css"].path,
            "script": self.files["pages.js"].path,
            "icon": self.files["icon.svg"].path,
            "language_names": {other: self._words[other]("name") for other in self.languages},
            "here": path,
            # Where a change of language leads back to; the answer to a form has no address of its own.
            "back": back or (f"{path}{query}" if request.method == "GET" else None),
            "system": self.pack.header.name[self.pack_language(said)],
            "agency_name": lambda id: self.agency_name(id, said, formal=True),
            "place_name": lambda id: self.agency_name(id, said),
        }
        html = self._templates.get_template(f"{template}.html.j2").render(shared | values)
        bound = HEADERS | {"Content-Language": said.language} | dict(headers or {})
        return Response(html, status_code=status, media_type="text/html", headers=bound, cookies=[*cookies])

    def document(self, template: str, said: Words, media_type: str, values: Mapping[str, Any]) -> Response[str]:
        """A document of XML that is no page, such as a feed. What XML cannot hold is replaced.

        It names its charset, without which a browser that shows the text of a feed takes it for another.
        """
        shared = {"t": said, "language": said.language, "system": self.pack.header.name[self.pack_language(said)]}
        shared |= {"agency_name": lambda id: self.agency_name(id, said, formal=True)}
        text = self._templates.get_template(f"{template}.j2").render(shared | dict(values))
        headers = {"Cache-Control": "public, max-age=300", "Vary": "Accept-Language, Cookie", "X-Content-Type-Options": "nosniff"}
        return Response(NOT_IN_XML.sub("\ufffd", text), media_type=f"{media_type}; charset=utf-8", headers=headers)

    def agency_name(self, id: str, said: Words, *, formal: bool = False) -> str:
        """The name of an agency in the language of the page, `formal` as in letters; its id where an earlier pack had it."""
        try:
            agency = self.pack.agency(id)
        except KeyError:
            return id
        name = agency.letter_name if formal else agency.name
        language = self.pack_language(said)
        return name if language == self.pack.header.default_language else agency.names.get(language, name)

    def masked(self, name: str | None) -> str:
        """A sender's name as it stands beside a published reply; empty where the pack shows none."""
        shown = self.pack.header.sender_names
        return names.masked(shown, name) if shown and name else ""

    def example_name(self) -> dict[str, str]:
        """A name and how it would stand there, for the form that asks; empty where the pack shows no names."""
        shown = known_values.shown_name(self.pack)
        return {"full": shown.name, "masked": shown.shown} if shown else {}

    def category_name(self, id: str, said: Words) -> str:
        """The name of a category in the language of the page; its id where an earlier pack had it."""
        language = self.pack_language(said)
        return next((row.name[language] for row in self.pack.categories if row.id == id), id)

    def article(self, text: str, said: Words) -> str:
        """An article of the law in the language of the page, where the pack has it; facts have it in the pack's own."""
        rules = [rule for rule_set in self.pack.rule_sets for rule in rule_set.rules.values()]
        return next((rule.article[self.pack_language(said)] for rule in rules if text in rule.article.values()), text)

    def language_cookie(self, language: str) -> Cookie:
        """Keeps the language that was chosen."""
        return self._cookie(LANGUAGE_COOKIE, language, max_age=_YEAR_SECONDS)

    def browser(self, request: AnyRequest) -> tuple[str, list[Cookie]]:
        """The mark of this browser, and the cookie to set where it has none."""
        known = request.cookies.get(BROWSER_COOKIE, "")
        if len(known) == 43:
            return known, []
        fresh = secrets.token_urlsafe(32)
        return fresh, [self._cookie(BROWSER_COOKIE, fresh)]

    def token(self, browser: str, form: str) -> str:
        """What a form of ours holds that was shown to this browser; another site cannot know it."""
        return self.signed(f"form/{form}/{browser}")

    def is_ours(self, request: AnyRequest, token: str, form: str) -> bool:
        """Whether a form that came in is one that was shown to this browser."""
        browser = request.cookies.get(BROWSER_COOKIE, "")
        came_from = request.headers.get("Sec-Fetch-Site", "same-origin")
        return came_from in ("same-origin", "none") and self.is_signed(f"form/{form}/{browser}", token)

    def signed(self, text: str) -> str:
        """A signature of a text that only this deployment can make."""
        return hmac.new(self._key, f"pages/{text}".encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:40]

    def is_signed(self, text: str, signature: str) -> bool:
        """Whether this is the signature of the text."""
        return hmac.compare_digest(signature.encode("utf-8", "replace"), self.signed(text).encode())

    def case_cookie(self, code: str, value: str, seconds: int) -> Cookie:
        """Keeps a feedback open in this browser, for its own pages only."""
        return self._cookie("pakn_open", value, max_age=seconds, path=f"{self.root}/follow/{code}")

    def _cookie(self, name: str, value: str, max_age: int | None = None, path: str | None = None) -> Cookie:
        return Cookie(name, path or self.root or "/", value, max_age=max_age, httponly=True, samesite="lax", secure=self._is_secure)

    def refusals(self, suspect: Callable[[Exception], None]) -> Callable[[AnyRequest, Exception], Response[str]]:
        """What answers an error of a page: a page that says what to do. `suspect` as in `problems.plugin`."""

        def refused(request: AnyRequest, error: Exception) -> Response[str]:
            problem = problems.problem_of(error, suspect)
            kind = (problem.type_ or "").rpartition(":")[2]
            status = problem.status_code
            said = self.words(request)
            general = f"refused.{status}" if f"refused.{status}" in said else "refused.500"
            text = said.known(f"refused.{kind}", general)
            headers = {name: value for name, value in (problem.headers or {}).items() if name.lower() in _KEPT_HEADERS}
            return self.page(request, "refused", said, status=status, headers=headers, text=text)

        return refused


class StaticFile:
    """A file of ours, whose address changes with its content."""

    def __init__(self, path: Path) -> None:
        self.content = path.read_bytes()
        self.media_type = _TYPES[path.suffix]
        self.path = f"/static/{hashlib.sha256(self.content).hexdigest()[:12]}/{path.name}"


def not_found() -> Problem:
    """Nothing is at this address."""
    return Problem(404, "not-found", "Nothing is at this address.")
