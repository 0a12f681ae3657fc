"""What pages and feeds say of the law, and that a feed can be read whatever somebody wrote."""

from datetime import UTC, date, datetime
from types import SimpleNamespace
from xml.etree import ElementTree

import httpx
import pytest
from pydantic import SecretStr

from pakn.legal_time import LegalTime
from pakn.packs.models import Effective
from pakn.settings import IntakeSettings, Settings
from services.intake.app import build_app
from services.intake.doors.pages.site import Site
from services.intake.doors.pages.words import Words
from tests.support.packs import VN

SETTINGS = Settings(intake=IntakeSettings(secret_key=SecretStr("k" * 32)))


@pytest.mark.parametrize(("day", "told"), [(datetime(2030, 1, 1, tzinfo=UTC), 15), (datetime(2031, 1, 1, tzinfo=UTC), 77)])
async def test_the_first_page_tells_the_limit_that_is_in_force_today(day: datetime, told: int) -> None:
    """A law of next year was told as that of today."""
    known = VN.rule_sets[-1]
    rule = known.rules["handle_reply"]
    longer = rule.model_copy(update={"limit": rule.limit.model_copy(update={"n": 77, "by_category": {}})})
    effective = Effective.model_validate({"from": date(2031, 1, 1)})
    later = known.model_copy(update={"id": "later", "effective": effective, "rules": known.rules | {"handle_reply": longer}})
    limited = rule.model_copy(update={"limit": rule.limit.model_copy(update={"n": 15, "by_category": {}})})
    now = known.model_copy(update={"rules": known.rules | {"handle_reply": limited}})
    app = build_app(SETTINGS, pack=VN.model_copy(update={"rule_sets": (now, later)}), time=LegalTime(lambda: day)).app
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://x") as client:  # type: ignore[arg-type]
        page = (await client.get("/")).text
    assert [n for n in (15, 77) if f"{n} ngày" in page] == [told]


def test_a_feed_stays_readable_whatever_a_title_holds() -> None:
    """One such character made the whole feed unreadable for every reader."""
    site = Site(VN, "https://pakn.example", "k" * 32)
    row = SimpleNamespace(
        title="Đèn\ufffe hỏng\uffff\x0b",
        reply="Đã sửa\ufffe",
        category="khac",
        code="C",
        agency="gia-lai",
        published_at=datetime.now(UTC),
    )
    values = {
        "address": "https://pakn.example/published",
        "asked": SimpleNamespace(address=lambda: ""),
        "updated": row.published_at,
        "rows": [row],
        "category_name": lambda id: id,
    }
    feed = site.document("replies.atom", Words("vi", UTC), "application/atom+xml", values)
    root = ElementTree.fromstring(feed.content)
    assert root.findtext("{*}entry/{*}title") == "Đèn\ufffd hỏng\ufffd\ufffd"


@pytest.mark.parametrize("language", ["vi", "en"])
def test_what_is_open_nearby_is_told_in_one_sentence(language: str) -> None:
    """The place stood after a sentence that had not ended, and other languages put it elsewhere."""
    said = Words(language, UTC)("similar.open", state="S", day="D", where="W")
    assert "W" in said
    assert said.endswith(".")
