"""The pages that need no database, with each shipped pack and in each language: whole, bound, and in the words of the pack."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest
from pydantic import SecretStr

from pakn.packs.load import load_pack
from pakn.settings import IntakeSettings, Settings
from services.intake.app import build_app
from services.intake.doors.pages import words

PACKS = {name: load_pack(name) for name in ("vn", "la311")}
SHOWN = [(name, language) for name, pack in PACKS.items() for language in pack.header.languages]
LARGEST_PAGE = 60_000


@pytest.fixture(params=SHOWN, ids=lambda shown: "-".join(shown))
async def visitor(request: pytest.FixtureRequest) -> AsyncIterator[tuple[str, str, httpx.AsyncClient]]:
    name, language = request.param
    settings = Settings(intake=IntakeSettings(secret_key=SecretStr("k" * 32), public_url="https://pakn.example/feedback"))
    app = build_app(settings, pack=PACKS[name]).app
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="https://x", headers={"Accept-Language": language}) as client:
        yield name, language, client


async def test_each_language_of_a_shipped_pack_has_words() -> None:
    for pack in PACKS.values():
        assert all(words.load(language) for language in pack.header.languages)


async def test_what_is_taken_and_what_not_is_told_before_anything_is_typed(visitor: tuple[str, str, httpx.AsyncClient]) -> None:
    name, language, client = visitor
    for path in ("/", "/send"):
        page = await client.get(path)
        assert page.status_code == 200
        assert len(page.content) < LARGEST_PAGE
        assert page.headers["content-language"] == language
        for category in PACKS[name].categories:
            assert category.name[language] in page.text.replace("&#39;", "'").replace("&amp;", "&")
            if category.channel:
                assert category.channel[language].split("'")[0] in page.text


async def test_every_field_has_a_label_and_every_address_the_path_of_the_proxy(visitor: tuple[str, str, httpx.AsyncClient]) -> None:
    """Whoever hears the page would hear a field without a name, and a link without the path would lead out of the system."""
    _, _, client = visitor
    page = (await client.get("/send")).text
    named = set(re.findall(r'<label[^>]* for="([^"]+)"', page))
    for tag in re.findall(r"<(?:input|select|textarea)\b[^>]*>", page):
        if 'type="hidden"' not in tag:
            found = re.search(r' id="([^"]+)"', tag)
            assert found, tag
            assert found[1] in named, tag
    for address in re.findall(r'(?:href|src|action)="([^"#]+)"', page):
        assert address.startswith("/feedback/"), address


async def test_a_path_that_is_no_page_and_a_database_that_is_away_are_told_on_a_page(
    visitor: tuple[str, str, httpx.AsyncClient],
) -> None:
    _, language, client = visitor
    gone = await client.get("/static/000000000000/style.css")
    away = await client.get("/follow/X.20260101.0001")
    for page, status in ((gone, 404), (away, 503)):
        assert page.status_code == status
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert page.headers["content-language"] == language
        assert "default-src 'none'" in page.headers["content-security-policy"]
    assert int(away.headers["retry-after"]) > 0


@pytest.mark.parametrize(("accepted", "language"), [("en;q=0", "vi"), ("fr, en;q=0.1", "en"), ("vi;q=0.1, en;q=0.9", "en")])
async def test_a_page_speaks_no_language_that_its_reader_refuses(
    visitor: tuple[str, str, httpx.AsyncClient], accepted: str, language: str
) -> None:
    name, _, client = visitor
    page = await client.get("/", headers={"Accept-Language": accepted})
    assert page.headers["content-language"] == (language if name == "vn" else "en")
